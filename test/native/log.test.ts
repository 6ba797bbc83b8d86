import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonFormat, type LogFormat, localFormat } from '../../src/container/log-formats.js'
import { buildTestPrograms, programs } from './driver.js'

let directory: string
let path: string
beforeAll(() => buildTestPrograms(`${programs}/log-driver`))
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-log-')
  path = join(directory, 'c.log')
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Options {
  readonly format?: 'jsonFile' | 'local'
  readonly maximumBytes?: number
  readonly files?: number
  readonly attributes?: string
  readonly compress?: boolean
}

function driver({ format = 'jsonFile', maximumBytes = 0, files = 1, attributes = '', compress }: Options): string[] {
  const given = [path, format === 'local' ? '1' : '0', `${maximumBytes}`, `${files}`, attributes, directory]
  return compress ? [...given, 'compress'] : given
}

/** What the driver told last: how many bytes were logged, and dropped. */
function log(input: string | Buffer, options: Options = {}): { bytes: number; dropped: number } {
  const told = execFileSync(join(programs, 'log-driver'), driver(options), { input, encoding: 'utf8' })
  return numbers(told.trimEnd().split('\n').at(-1) ?? '')
}

function numbers(line: string): { bytes: number; dropped: number } {
  const [bytes = 0, dropped = 0] = line.split(' ').map(Number)
  return { bytes, dropped }
}

const entries = (file: string, format: LogFormat = jsonFormat) => {
  const content = readFileSync(file)
  const { entries, taken } = format.decode(content)
  expect(taken).toBe(content.length)
  return entries
}

const lines = (file: string, format?: LogFormat) => entries(file, format).map(({ text }) => text)
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`)
const hundred = numbered(1, 100).join('')

describe('rotation', () => {
  it('begins a file when one has reached its size, and keeps as many as it may', () => {
    log(hundred, { maximumBytes: 1000, files: 3 })
    const kept = [`${path}.2`, `${path}.1`, path]
    const texts = kept.flatMap((file) => lines(file))
    expect(texts).toEqual(numbered(101 - texts.length, 100))
    for (const file of kept.slice(0, 2)) {
      const { size } = statSync(file)
      expect(size).toBeGreaterThanOrEqual(1000)
      expect(size).toBeLessThan(1100)
    }
    expect(readdirSync(directory).sort()).toEqual(['c.log', 'c.log.1', 'c.log.2', 'log'])
  })

  it('keeps a single file by beginning it anew', () => {
    log(hundred, { maximumBytes: 1000 })
    const texts = lines(path)
    expect(texts).toEqual(numbered(101 - texts.length, 100))
    expect(existsSync(`${path}.1`)).toBe(false)
  })

  it('counts what the file had when it was opened', () => {
    log(hundred)
    log('more\n', { maximumBytes: 1000, files: 2 })
    expect(lines(`${path}.1`)).toHaveLength(100)
    expect(lines(path)).toEqual(['more\n'])
  })

  it('tells for each file where in all that was logged it begins', () => {
    const { bytes } = log(hundred, { maximumBytes: 3000, files: 4 })
    const begins = new Map(
      readFileSync(join(directory, 'log'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ').map(Number) as [number, number]),
    )
    const newest = statSync(path)
    const oldest = statSync(`${path}.2`)
    const middle = statSync(`${path}.1`)
    expect(begins.get(oldest.ino)).toBe(0)
    expect(begins.get(middle.ino)).toBe(oldest.size)
    expect(begins.get(newest.ino)).toBe(oldest.size + middle.size)
    expect(bytes).toBe(oldest.size + middle.size + newest.size)
  })
})

const expanded = (file: string) => jsonFormat.decode(gunzipSync(readFileSync(file))).entries.map(({ text }) => text)

describe('compression', () => {
  it('leaves the files that were renamed as gzip, with when they were written to as Docker tells it', () => {
    log(hundred, { maximumBytes: 1000, files: 3, compress: true })
    const texts = [...expanded(`${path}.2.gz`), ...expanded(`${path}.1.gz`), ...lines(path)]
    expect(texts).toEqual(numbered(101 - texts.length, 100))
    expect(readdirSync(directory).sort()).toEqual(['c.log', 'c.log.1.gz', 'c.log.2.gz', 'log'])
    const header = readFileSync(`${path}.1.gz`)
    const extra = JSON.parse(header.toString('utf8', 12, 12 + header.readUInt16LE(10))) as Record<string, string>
    const newest = readFileSync(join(directory, 'log'), 'utf8').trimEnd().split('\n').at(-2)
    expect(extra.inode).toBe(newest?.split(' ')[0])
    expect(Math.abs(Date.parse(extra.lastTime ?? '') - Date.now())).toBeLessThan(3_600_000)
  })

  it('takes up what was killed between two names, and keeps no more files than it may', () => {
    log(hundred, { maximumBytes: 1000, files: 6, compress: true })
    // Whole already, but the one that it was made of is still there.
    writeFileSync(`${path}.2`, 'whatever\n')
    writeFileSync(`${path}.1`, gunzipSync(readFileSync(`${path}.1.gz`)))
    rmSync(`${path}.1.gz`)
    writeFileSync(`${path}.gz.next`, 'torn')
    log(numbered(101, 125).join(''), { maximumBytes: 1000, files: 6, compress: true })
    expect(readdirSync(directory).sort()).toEqual([
      'c.log',
      ...[1, 2, 3, 4, 5].map((number) => `c.log.${number}.gz`),
      'log',
    ])
    const texts = [5, 4, 3, 2, 1].flatMap((number) => expanded(`${path}.${number}.gz`)).concat(lines(path))
    expect(texts).toEqual(numbered(126 - texts.length, 125))
  })

  it.each([
    ['nothing that repeats', () => randomBytes(300_000)],
    ['one byte', () => Buffer.alloc(300_000, 'x')],
    ['what repeats farther apart than it may', () => Buffer.concat(Array(3).fill(randomBytes(40_000)))],
    // Fibonacci's numbers of symbols make the deepest tree.
    ['the deepest tree', () => Buffer.concat(fibonacci(22).map((count, byte) => Buffer.alloc(count, 65 + byte)))],
  ])('keeps %s as it is', (_name, make) => {
    const input = Buffer.from(make().map((byte) => (byte === 10 ? 11 : byte)))
    log(input, { format: 'local', maximumBytes: 1, files: 99, compress: true })
    log('end\n', { format: 'local', maximumBytes: 1, files: 99, compress: true })
    const files = readdirSync(directory).filter((name) => name.endsWith('.gz')).length
    const parts = Array.from({ length: files }, (_, index) => gunzipSync(readFileSync(`${path}.${files - index}.gz`)))
    const all = parts.flatMap((part) => localFormat.decode(part).entries)
    expect(Buffer.concat(all.map(({ bytes }) => bytes))).toEqual(input)
  })

  it('is near to what zlib makes of a log', () => {
    log(numbered(1, 50_000).join(''), { maximumBytes: 2_000_000, files: 3, compress: true })
    const content = gunzipSync(readFileSync(`${path}.1.gz`))
    expect(statSync(`${path}.1.gz`).size).toBeLessThan(1.15 * gzipSync(content).length)
  })
})

describe('the fuzzer', () => {
  it('finds nothing in the compressor', () => {
    buildTestPrograms(`${programs}/gzip.fuzz`)
    const make = ['-C', 'test/native', '-s', `OUT=${programs}`, 'FUZZ_SECONDS=3', 'fuzz-gzip']
    const output = execFileSync('sh', ['-c', 'make "$@" 2>&1', 'sh', ...make], { encoding: 'utf8' })
    expect(output).toMatch(/stat::number_of_executed_units: *[1-9]/)
  })
})

function fibonacci(count: number): number[] {
  const numbers = [1, 1]
  while (numbers.length < count) numbers.push((numbers.at(-1) ?? 0) + (numbers.at(-2) ?? 0))
  return numbers
}

describe('formats', () => {
  it('local keeps every byte, and says which lines go on', () => {
    const input = Buffer.concat([Buffer.from([0, 1, 255, 10]), Buffer.alloc(20_000, 120), Buffer.from('\nrest')])
    log(input, { format: 'local' })
    const all = entries(path, localFormat)
    expect(Buffer.concat(all.map(({ bytes }) => bytes))).toEqual(input)
    expect(all.map(({ bytes, partial }) => [bytes.length, partial])).toEqual([
      [4, false],
      [16_384, true],
      [3617, false],
      [4, true],
    ])
  })

  it('gives the parts of a line one time', () => {
    log(Buffer.alloc(100_000, 120))
    expect(new Set(entries(path).map(({ time }) => time)).size).toBe(1)
  })

  it('puts attributes before the time', () => {
    log('hi\n', { attributes: '"attrs":{"a":"b"},' })
    expect(readFileSync(path, 'utf8')).toMatch(/^{"log":"hi\\n","stream":"stdout","attrs":{"a":"b"},"time":"[^"]+"}\n$/)
  })

  it.each(['jsonFile', 'local'] as const)(
    '%s: all bytes at every offset within the words that are looked at',
    (format) => {
      const special = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10))
      const input = Buffer.concat(
        Array.from({ length: 40 }, (_, pad) => Buffer.concat([Buffer.alloc(pad, 97), special, Buffer.from('\n')])),
      )
      log(input, { format })
      const expected = input.toString().split('\n').slice(0, -1)
      expect(lines(path, format === 'local' ? localFormat : jsonFormat)).toEqual(expected.map((line) => `${line}\n`))
    },
  )

  it.each([
    ['jsonFile', jsonFormat, '{"log":"torn'],
    ['local', localFormat, '\u0005\0\0\0\u0001\0\0\0to'],
  ] as const)('%s: what a killed writer has left of an entry is cut off', (format, decoder, torn) => {
    log('one\ntwo\n', { format })
    appendFileSync(path, torn)
    log('three\n', { format })
    expect(lines(path, decoder)).toEqual(['one\n', 'two\n', 'three\n'])
  })
})

describe('a full disk', () => {
  const disk = () => join(directory, 'disk')
  beforeEach(() => {
    execFileSync('mkdir', [disk()])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'inboard-test', disk()])
    path = join(disk(), 'c.log')
  })
  afterEach(() => void execFileSync('umount', [disk()]))

  it.each([
    ['jsonFile', jsonFormat],
    ['local', localFormat],
  ] as const)(
    '%s: ends with a whole entry, counts what is missing, and goes on when there is room',
    async (format, decoder) => {
      const filler = join(disk(), 'filler')
      writeFileSync(filler, Buffer.alloc(150_000))
      const child = spawn(join(programs, 'log-driver'), driver({ format }), { stdio: ['pipe', 'pipe', 'inherit'] })
      const told = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const line = `${'x'.repeat(99)}\n`
      let written = 0
      let dropped = 0
      while (dropped === 0) {
        child.stdin.write(line.repeat(300))
        written += 300 * line.length
        dropped = numbers((await told.next()).value).dropped
      }
      const before = entries(path, decoder).length * line.length
      expect(before + dropped).toBe(written)
      rmSync(filler)
      child.stdin.end('again\n')
      await once(child, 'close')
      expect(lines(path, decoder).at(-1)).toBe('again\n')
      expect(entries(path, decoder)).toHaveLength(before / line.length + 1)
    },
  )
})
