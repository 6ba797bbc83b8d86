import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failpoints } from '../errors/failpoint.js'
import type { EngineEvent } from './event.js'
import { type Journal, openJournal } from './journal.js'
import { lineHead, parseLine, positionOf } from './line.js'
import { readEvents } from './reader.js'
import { openRunning } from './running.js'

let root: string
let journal: Journal
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
  journal = openJournal(root, { maximumBytes: 1000, files: 3 })
})
afterEach(() => {
  journal.close()
  rmSync(root, { recursive: true })
})

const head = (id: string, action = 'create') =>
  lineHead({ type: 'container', action, id, attributes: { image: 'busybox', name: `name-${id}` } })

/** Appends an event with this number of the outbox. */
const put = (outbox: number, { atNs = BigInt(outbox), action = 'create', to = journal } = {}) =>
  to.append(() => [{ outbox, atNs, head: head(String(outbox), action) }])

const textOf = (file = '') => readFileSync(`${root}/events.jsonl${file}`, 'utf8')
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '')
const timesOf = (text: string) => linesOf(text).map((line) => positionOf(line)?.timeNs)

async function read(afterNs = 0n): Promise<EngineEvent[]> {
  const { signal } = new AbortController()
  const list: EngineEvent[] = []
  for await (const event of readEvents(journal, { afterNs, untilNs: 1n << 40n, signal, isPersistent: true }))
    list.push(event)
  return list
}

const idsOf = (events: readonly EngineEvent[]) => events.map(({ actor }) => actor.id)
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => String(from + index))

describe('appending', () => {
  it('writes messages in the form of docker', () => {
    put(7, { atNs: 1_500_000_000_000_000_123n })
    const [line = ''] = linesOf(textOf())
    expect(line.endsWith(',"scope":"local","time":1500000000,"timeNano":1500000000000000123,"outbox":7}')).toBe(true)
    expect(parseLine(line)).toMatchObject({
      status: 'create',
      id: '7',
      from: 'busybox',
      Type: 'container',
      Action: 'create',
      Actor: { ID: '7', Attributes: { image: 'busybox', name: 'name-7' } },
    })
  })

  it('tells how far the outbox has got', () => {
    put(4)
    const seen: number[] = []
    const outbox = journal.append((before) => {
      seen.push(before)
      return []
    })
    expect([seen, outbox]).toEqual([[4], 4])
  })

  it('gives times that increase, whatever the clock does', () => {
    put(1, { atNs: 100n })
    put(2, { atNs: 90n })
    put(3, { atNs: 100n })
    put(4, { atNs: 200n })
    expect(timesOf(textOf())).toEqual([100n, 101n, 102n, 200n])
  })

  it('takes away a line that a killed writer has left unfinished', () => {
    put(1)
    appendFileSync(`${root}/events.jsonl`, head('torn').repeat(100))
    put(2)
    expect(linesOf(textOf()).map((line) => parseLine(line)?.id)).toEqual(['1', '2'])
  })

  it('takes away a file of which nothing was finished', () => {
    writeFileSync(`${root}/events.jsonl`, '\0'.repeat(10_000))
    put(1)
    expect(linesOf(textOf()).map((line) => parseLine(line)?.id)).toEqual(['1'])
  })

  it('goes on after a line that is none of its own', () => {
    writeFileSync(`${root}/events.jsonl`, 'not of this journal\n')
    put(3)
    expect(positionOf(textOf())).toEqual({ timeNs: 3n, outbox: 3 })
  })

  it('does not append while somebody keeps the lock', () => {
    const other = openJournal(root)
    let refused: number | undefined = 0
    other.append(() => {
      refused = put(1)
      return []
    })
    other.close()
    expect(refused).toBe(undefined)
  })
})

describe('rotation', () => {
  it('keeps no more files, and none longer, than it may', () => {
    for (let outbox = 1; outbox <= 40; outbox++) put(outbox)
    const sizes = ['', '.1', '.2'].map((file) => statSync(`${root}/events.jsonl${file}`).size)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000)
    expect(statSync(`${root}/events.jsonl.3`, { throwIfNoEntry: false })).toBe(undefined)
  })

  it('goes on with the times and the outbox of the file before', () => {
    for (let outbox = 1; outbox <= 20; outbox++) put(outbox, { atNs: 5n })
    const times = [...timesOf(textOf('.2')), ...timesOf(textOf('.1')), ...timesOf(textOf())]
    expect(times).toEqual(times.map((_, index) => (times[0] as bigint) + BigInt(index)))
    rmSync(`${root}/events.jsonl`)
    expect(journal.position().outbox).toBe(positionOf(textOf('.1'))?.outbox)
  })

  it('lets another journal of the same root follow', () => {
    const other = openJournal(root, journal.limits)
    put(1, { to: other })
    for (let outbox = 2; outbox <= 10; outbox++) put(outbox)
    put(11, { to: other })
    other.close()
    expect(positionOf(textOf())?.outbox).toBe(11)
  })
})

describe('what was left is not as it was', () => {
  const idsIn = (text: string) => linesOf(text).map((line) => parseLine(line)?.id)
  let other: Journal
  beforeEach(() => {
    other = openJournal(root, journal.limits)
    put(1)
  })
  afterEach(() => other.close())

  it('goes on after what somebody else has appended', () => {
    put(2, { to: other, atNs: 50n })
    put(3)
    put(4, { to: other })
    expect([idsIn(textOf()), timesOf(textOf())]).toEqual([upTo(4), [1n, 50n, 51n, 52n]])
  })

  it('goes on in the file that somebody else has begun', () => {
    for (let outbox = 2; idsIn(textOf())[0] === '1'; outbox++) put(outbox, { to: other, atNs: 50n })
    const { outbox, timeNs } = journal.position()
    put(outbox + 1)
    expect(idsIn(textOf())).toEqual(upTo(2, outbox))
    expect(timesOf(textOf()).at(-1)).toBe(timeNs + 1n)
  })

  it('goes on in a file of the same length that has replaced it', () => {
    const text = textOf().replace('"outbox":1', '"outbox":7')
    rmSync(`${root}/events.jsonl`)
    writeFileSync(`${root}/events.jsonl`, text)
    const seen: number[] = []
    journal.append((before) => {
      seen.push(before)
      return []
    })
    expect(seen).toEqual([7])
    put(8)
    expect(idsIn(textOf())).toEqual(['1', '8'])
  })

  it('begins anew when it is gone', () => {
    rmSync(`${root}/events.jsonl`)
    put(2)
    expect(idsIn(textOf())).toEqual(['2'])
  })

  it('takes away what a killed writer has left since', () => {
    appendFileSync(`${root}/events.jsonl`, head('torn'))
    put(2)
    expect(idsIn(textOf())).toEqual(['1', '2'])
  })

  it('looks again after a write that has failed', () => {
    failpoints.set('events.appended', () => {
      throw new Error('later')
    })
    expect(() => put(2)).toThrow('later')
    failpoints.clear()
    expect(journal.append(() => [])).toBe(2)
  })
})

describe('reading', () => {
  it('gives each line once, across files', async () => {
    for (let outbox = 1; outbox <= 12; outbox++) put(outbox)
    expect(idsOf(await read())).toEqual(upTo(12))
  })

  it('begins after a time, in whichever file that is', async () => {
    for (let outbox = 1; outbox <= 12; outbox++) put(outbox)
    expect(idsOf(await read(3n))).toEqual(upTo(9, 4))
    expect(await read(12n)).toEqual([])
  })

  it('gives nothing of a journal that is not there', async () => {
    expect(await read()).toEqual([])
  })

  it('passes over what is no event', async () => {
    put(1)
    appendFileSync(`${root}/events.jsonl`, 'nonsense\n{"timeNano":5,"outbox":1}\n')
    put(2)
    expect(idsOf(await read())).toEqual(['1', '2'])
  })

  it('reads lines that are longer than a block', async () => {
    const attributes = { label: 'x'.repeat(300_000) }
    const long = lineHead({ type: 'container', action: 'create', id: 'long', attributes })
    journal.append(() => [{ outbox: 1, atNs: 1n, head: long }])
    put(2)
    expect(idsOf(await read())).toEqual(['long', '2'])
  })

  it('knows what runs', () => {
    const isRunning = openRunning(journal)
    put(1, { action: 'start' })
    put(2, { action: 'start' })
    expect(['1', '2', '3'].map(isRunning)).toEqual([true, true, false])
    journal.append(() => [{ outbox: 3, atNs: 3n, head: head('1', 'die') }])
    for (let outbox = 4; outbox <= 12; outbox++) put(outbox)
    expect(['1', '2'].map(isRunning)).toEqual([false, true])
  })
})
