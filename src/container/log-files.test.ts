import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TimedEntry } from './log-entry.js'
import { closeLogFiles, endsOf, entriesFrom, openLogFiles, tailPlaces } from './log-files.js'
import { jsonFormat, type LogFormat, localFormat } from './log-formats.js'
import { LineJoiner } from './log-lines.js'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-log-')
  path = join(directory, 'c.log')
})
afterEach(() => rmSync(directory, { recursive: true }))

const json = (text: string) =>
  Buffer.from(`${JSON.stringify({ log: text, stream: 'stdout', time: '2026-01-02T03:04:05.5Z' })}\n`)

function frame(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(16)
  head.writeUInt32LE(bytes.length)
  head[4] = 1
  head.writeBigUInt64LE(1_767_323_045_500_000_000n, 8)
  return Buffer.concat([head, bytes, head.subarray(0, 4)])
}

const formats = [
  ['json', jsonFormat, json],
  ['local', localFormat, frame],
] as const

/** Files with texts, the oldest first. */
function write(encode: (text: string) => Buffer, ...files: string[][]): void {
  for (const [index, texts] of files.entries()) {
    const number = files.length - 1 - index
    writeFileSync(number === 0 ? path : `${path}.${number}`, Buffer.concat(texts.map(encode)))
  }
}

function compress(file: string): void {
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)))
  rmSync(file)
}

async function texts(format: LogFormat, count?: number, endBytes?: number): Promise<string[]> {
  const files = await openLogFiles(path)
  const ends = endBytes === undefined ? undefined : endsOf(files, endBytes, join(directory, 'log'))
  const places =
    count === undefined ? files.map((file) => ({ file, offset: 0 })) : await tailPlaces(files, format, count, ends)
  const found: TimedEntry[] = []
  for (const place of places)
    for await (const entries of entriesFrom(place, format, ends ? (ends.get(place.file) ?? 0) : undefined))
      found.push(...entries)
  await closeLogFiles(files)
  return found.map(({ text }) => text)
}

describe.each(formats)('%s', (_name, format, encode) => {
  it('reads all files, the oldest first', async () => {
    write(encode, ['a\n', 'b\n'], ['c\n'], ['d\n', 'e\n'])
    expect(await texts(format)).toEqual(['a\n', 'b\n', 'c\n', 'd\n', 'e\n'])
  })

  it.each([
    [0, []],
    [1, ['e\n']],
    [2, ['d\n', 'e\n']],
    [3, ['c\n', 'd\n', 'e\n']],
    [9, ['a\n', 'b\n', 'c\n', 'd\n', 'e\n']],
  ])('the last %i are found across files', async (count, expected) => {
    write(encode, ['a\n', 'b\n'], ['c\n'], ['d\n', 'e\n'])
    expect(await texts(format, count)).toEqual(expected)
  })

  it('the last of many blocks', async () => {
    const many = Array.from({ length: 200 }, (_, index) => `${index}${'x'.repeat(10_000)}\n`)
    write(encode, many)
    expect(await texts(format, 150)).toEqual(many.slice(50))
  })

  it('an entry that is being written is not there yet', async () => {
    write(encode, ['a\n', 'b\n'])
    appendFileSync(path, encode('torn\n').subarray(0, 12))
    expect(await texts(format)).toEqual(['a\n', 'b\n'])
    expect(await texts(format, 1)).toEqual(['b\n'])
  })

  it('reads what is compressed as what it was', async () => {
    write(encode, ['a\n', 'b\n'], ['c\n'], ['d\n', 'e\n'])
    compress(`${path}.1`)
    compress(`${path}.2`)
    expect(await texts(format)).toEqual(['a\n', 'b\n', 'c\n', 'd\n', 'e\n'])
    expect(await texts(format, 4)).toEqual(['b\n', 'c\n', 'd\n', 'e\n'])
    expect(readdirSync(directory).sort()).toEqual(['c.log', 'c.log.1.gz', 'c.log.2.gz'])
  })

  it('takes one of two that are the same file', async () => {
    write(encode, ['a\n'], ['b\n'])
    writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(`${path}.1`)))
    expect(await texts(format)).toEqual(['a\n', 'b\n'])
  })

  it('reads of a damaged file what there is', async () => {
    write(encode, ['a\n', ...Array<string>(50_000).fill('b\n')], ['c\n'])
    compress(`${path}.1`)
    truncateSync(`${path}.1.gz`, statSync(`${path}.1.gz`).size - 4)
    const found = await texts(format)
    expect([found[0], found.at(-1)]).toEqual(['a\n', 'c\n'])
  })

  it('ends where a supervisor said, whatever was compressed since, and whoever has its inode now', async () => {
    write(encode, ['before\n'], ['a\n', 'b\n'], ['c\n'])
    const a = encode('a\n').length
    writeFileSync(join(directory, 'log'), `${statSync(path).ino} 0\n${statSync(path).ino} ${2 * a}\n`)
    compress(`${path}.1`)
    expect(await texts(format, undefined, a)).toEqual(['before\n', 'a\n'])
    expect(await texts(format, undefined, 3 * a)).toEqual(['before\n', 'a\n', 'b\n', 'c\n'])
  })

  it('ends where a supervisor said, in the newest file as long as nothing was renamed', async () => {
    write(encode, ['before\n'], ['a\n', 'b\n', 'c\n'])
    const end = encode('a\n').length + encode('b\n').length
    expect(await texts(format, undefined, end)).toEqual(['before\n', 'a\n', 'b\n'])
    expect(await texts(format, 1, end)).toEqual(['b\n'])
  })

  it('ends where a supervisor said, whatever was renamed since', async () => {
    write(encode, ['before\n'], ['a\n', 'b\n'], ['c\n'])
    const a = encode('a\n').length
    const inode = (file: string) => statSync(file).ino
    writeFileSync(join(directory, 'log'), `${inode(`${path}.1`)} 0\n${inode(path)} ${2 * a}\n`)
    expect(await texts(format, undefined, a)).toEqual(['before\n', 'a\n'])
    expect(await texts(format, undefined, 3 * a)).toEqual(['before\n', 'a\n', 'b\n', 'c\n'])
  })
})

it('there are no files before the first start', async () => {
  expect(await openLogFiles(path)).toEqual([])
})

it('files are found when a supervisor was killed between two renames', async () => {
  write(json, ['a\n'], ['b\n'], ['c\n'])
  renameSync(path, `${path}.next`)
  expect(await texts(jsonFormat)).toEqual(['a\n', 'b\n'])
})

it('what is no entry of a json-file is passed over', async () => {
  writeFileSync(path, Buffer.concat([json('a\n'), Buffer.from('garbage\n{"log":1}\n'), json('b\n')]))
  expect(await texts(jsonFormat)).toEqual(['a\n', 'b\n'])
})

it('parts of a line are put together again, with the bytes that the cut went through', () => {
  const [left, right] = [Buffer.from('x\u00e9').subarray(0, 2), Buffer.from('x\u00e9\n').subarray(2)]
  const { entries } = localFormat.decode(Buffer.concat([frame(left), frame(right), frame('rest')]))
  const joiner = new LineJoiner()
  expect(joiner.join(entries).map(({ text }) => text)).toEqual(['x\u00e9\n'])
  expect(joiner.rest().map(({ text }) => text)).toEqual(['rest'])
})
