import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../../src/events/journal.js'
import { parseLine, positionOf } from '../../src/events/line.js'
import { buildTestPrograms, programs } from './driver.js'

beforeAll(() => buildTestPrograms('journal'))

let root: string
beforeEach(() => {
  root = mkdtempSync('/tmp/ib-journal-')
})
afterEach(() => rmSync(root, { recursive: true }))

const text = (id: string) =>
  `{"Type":"container","Action":"die","Actor":{"ID":"${id}","Attributes":{"exitCode":"\u0001","again":"\u0001"}},"scope":"local",`

const command = (values: readonly string[], maximum = 1 << 24) => [
  ...[`${programs}/journal-append`, `${root}/events.jsonl`, `${root}/events.lock`, String(maximum), '3'],
  ...values.flatMap((value, index) => [text(String(index)), value]),
]

const append = (values: readonly string[], maximum?: number) => {
  const [program = '', ...words] = command(values, maximum)
  return Number(execFileSync(program, words, { encoding: 'utf8' }))
}

const linesOf = (file = '') => readFileSync(`${root}/events.jsonl${file}`, 'utf8').split('\n').slice(0, -1)
const valuesOf = (lines: readonly string[]) => lines.map((line) => parseLine(line)?.Actor.Attributes.exitCode)
const last = '{"x":1,"time":1,"timeNano":9000000000000000001,"outbox":42}\n'

test('puts the value wherever it belongs, and the time behind it', () => {
  expect(append(['7', 'ID","exitCode":"0'])).toBe(2)
  expect(linesOf().map((line) => parseLine(line)?.Actor.Attributes)).toEqual([
    { exitCode: '7', again: '7' },
    { exitCode: '0', again: 'ID' },
  ])
})

test('goes on with the time and the outbox of the last line', () => {
  writeFileSync(`${root}/events.jsonl`, last)
  append(['1', '2'])
  expect(linesOf().slice(1).map(positionOf)).toEqual([
    { timeNs: 9_000_000_000_000_000_002n, outbox: 42 },
    { timeNs: 9_000_000_000_000_000_003n, outbox: 42 },
  ])
})

test('takes away what a killed writer has left, however long it is', () => {
  writeFileSync(`${root}/events.jsonl`, last)
  appendFileSync(`${root}/events.jsonl`, 'torn '.repeat(10_000))
  append(['1'])
  expect(valuesOf(linesOf())).toEqual([undefined, '1'])
})

test('rotates as an engine does, and an engine goes on with it', () => {
  writeFileSync(`${root}/events.jsonl`, last)
  for (const value of ['1', '2', '3', '4', '5']) append([value], 500)
  expect([...linesOf('.2'), ...linesOf('.1'), ...linesOf()].length).toBeLessThanOrEqual(6)
  expect(positionOf(linesOf().at(-1) ?? '')).toMatchObject({ outbox: 42 })
  const journal = openJournal(root, { maximumBytes: 500, files: 3 })
  expect(journal.append(() => [])).toBe(42)
  journal.close()
})

test('leaves the journal as it is when a line does not fit on the disk', () => {
  writeFileSync(`${root}/events.jsonl`, last.repeat(8))
  const script = `trap '' XFSZ; ulimit -f 1; exec "$@"`
  const done = execFileSync('bash', ['-c', script, 'bash', ...command(['1', '2', '3', '4', '5', '6'])], {
    encoding: 'utf8',
  })
  expect(Number(done)).toBeLessThan(6)
  expect(valuesOf(linesOf()).filter((value) => value !== undefined)).toEqual(
    ['1', '2', '3', '4', '5'].slice(0, Number(done)),
  )
})

test('does not wait for whoever keeps the lock', () => {
  const journal = openJournal(root)
  let done: number | undefined
  journal.append(() => {
    done = append(['1'])
    return []
  })
  journal.close()
  expect(done).toBe(0)
})

test('tells nobody when there is no place for a journal', () => {
  rmSync(root, { recursive: true })
  expect(append(['1'])).toBe(0)
  writeFileSync(root, '')
})
