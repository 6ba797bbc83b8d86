import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  frameCodes,
  limits,
  PlanWriter,
  sections,
} from '../../src/launch/protocol.gen.js'
import { containerPlan } from './container-plan.js'
import { buildTestPrograms, programs } from './driver.js'

type Fields = Readonly<Record<string, 'u64' | 'str' | 'bytes' | 'list'>>
interface Operation {
  readonly name: string
  readonly fields: Fields
  readonly in?: readonly (keyof typeof sections)[]
}

const tablePath = '../../native/protocol/operations.mjs'
const { operations } = (await import(tablePath)) as { operations: readonly Operation[] }

let scratch: string
beforeAll(() => {
  buildTestPrograms()
  scratch = mkdtempSync(join(tmpdir(), 'inboard-protocol-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const camel = (name: string) => name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

/** A value of the field's type, different for each, and what the decoder shows of it. */
function sample(type: Fields[string], seed: number, name: string): { value: unknown; shown: string } {
  if (type === 'u64' && name.startsWith('slot')) return { value: seed, shown: `u64:${seed}` }
  if (type === 'u64') return { value: BigInt(seed) - 3n, shown: `u64:${BigInt.asUintN(64, BigInt(seed) - 3n)}` }
  const bytes = `v${seed}\xc3\xa9\xff`
  const text = `v${seed}é\udcff`
  if (type === 'str') return { value: text, shown: `str:${hex(bytes)}` }
  if (type === 'bytes')
    return { value: Uint8Array.from([seed, 0, 255]), shown: `bytes:${Buffer.from([seed, 0, 255]).toString('hex')}` }
  return { value: [text, '', 'z'], shown: `list3:${hex(`${bytes}\0\0z\0`)}` }
}

function writeSample(plan: PlanWriter, { name, fields }: Operation): string {
  const entries = Object.entries(fields).map(([field, type], index) => [field, sample(type, index + 1, field)] as const)
  const method = camel(name) as 'mount'
  plan[method](Object.fromEntries(entries.map(([field, { value }]) => [field, value])) as never)
  return [name, ...entries.map(([, { shown }]) => shown)].join(' ')
}

const lastOf: Partial<Record<keyof typeof sections, string>> = {
  prepare: 'clone',
  container: 'execute',
  probe: 'execute',
}

/** A plan with every operation in the first section that allows it; `clone` and `execute` end theirs. */
function everything(): { plan: Uint8Array; shown: string[] } {
  const plan = new PlanWriter()
  const shown: string[] = []
  for (const section of Object.keys(sections) as (keyof typeof sections)[]) {
    plan.section(section)
    const last = lastOf[section] ?? ''
    const here = operations.filter((operation) => operation.in?.[0] === section && operation.name !== last)
    for (const operation of [...here, ...operations.filter(({ name }) => name === last)]) {
      shown.push(`${sections[section]} ${plan.steps} ${writeSample(plan, operation)}`)
    }
  }
  return { plan: plan.finish({ mode: 'run', faultStep: 7, faultKind: 1, faultRound: 2, faultPoint: 3 }), shown }
}

function dump(plan: Uint8Array, ...options: string[]): string {
  const path = join(scratch, 'plan')
  writeFileSync(path, plan)
  const { stdout, stderr, status } = spawnSync(join(programs, 'plan-dump'), [...options, path], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  expect({ stderr, crashed: status !== 0 && status !== 1 }).toEqual({ stderr: '', crashed: false })
  return stdout
}

describe('the plan protocol', () => {
  it('has generated files that agree with the table', () => {
    execFileSync(process.execPath, ['native/protocol/generate.mjs', '--check'])
  })

  it('carries every operation and field to the decoder unchanged', () => {
    const { plan, shown } = everything()
    expect(dump(plan).trim().split('\n')).toEqual([
      'mode 0 faultStep 7 faultKind 1 faultRound 2 faultPoint 3',
      ...shown,
    ])
    // `section` is not shown, and `execute` stands twice.
    expect(shown).toHaveLength(operations.length)
  })

  it('refuses a plan cut at any byte, and survives any changed byte', () => {
    const { plan } = everything()
    const result = dump(plan, '--damage')
    expect(result).toContain(`cuts ${plan.length} accepted 0\n`)
    expect(result).toContain(`changes ${plan.length * 3} accepted`)
    mkdirSync(join(programs, 'corpus'), { recursive: true })
    writeFileSync(join(programs, 'corpus/everything'), Buffer.concat([Buffer.from([0]), plan]))
  })

  const container = { directory: '/d', lowerdir: '/l', cgroups: [], argv: ['true'] }
  const wrong: [string, (plan: PlanWriter) => void][] = [
    ['an operation outside of a section', (plan) => plan.umask({ mask: 0 })],
    ['an operation in the wrong section', (plan) => [plan.section('teardown'), plan.umask({ mask: 0 })]],
    ['sections out of order', (plan) => [plan.section('teardown'), plan.section('container')]],
    ['a section twice', (plan) => [plan.section('container'), plan.section('container')]],
    ['a slot out of range', (plan) => [plan.section('container'), plan.setns({ slot: limits.slots, flags: 0 })]],
    ['a clone in a task', (plan) => [plan.section('prepare'), plan.clone({ flags: 0, cgroup: '' })]],
  ]
  it.each(wrong)('refuses %s', (_what, write) => {
    const plan = new PlanWriter()
    write(plan)
    expect(dump(plan.finish({ mode: 'task' }))).toMatch(/^refused step \d+ opcode \d+ errno 74\n$/)
  })

  it('refuses a run without a clone, and what comes after execute', () => {
    const plan = new PlanWriter()
    plan.section('prepare')
    plan.section('container')
    expect(dump(plan.finish({ mode: 'run' }))).toMatch(/^refused/)
    const late = containerPlan({
      ...container,
      extra: (writer) => writer.execute({ file: 'x', path: '', argv: ['x'], envp: [] }),
    })
    expect(dump(late)).toMatch(/^refused/)
  })

  it('takes strings of any length across the growth of its buffer', () => {
    const plan = new PlanWriter()
    const long = 'é'.repeat(70_001)
    plan.section('container')
    plan.hostname({ name: long })
    expect(dump(plan.finish({ mode: 'task' }))).toBe(
      `mode 2 faultStep 4294967295 faultKind 0 faultRound 0 faultPoint 0\n${sections.container} 1 hostname str:${Buffer.from(long).toString('hex')}\n`,
    )
  })

  it.each([
    ['a NUL', (plan: PlanWriter) => plan.hostname({ name: 'a\0b' })],
    ['a NUL after a character beyond ASCII', (plan: PlanWriter) => plan.hostname({ name: 'é\0b' })],
    ['half a surrogate pair', (plan: PlanWriter) => plan.hostname({ name: 'a\ud800' })],
    ['a fraction', (plan: PlanWriter) => plan.umask({ mask: 0.5 })],
    ['a number beyond 64 bits', (plan: PlanWriter) => plan.umask({ mask: 1n << 64n })],
    [
      'more bytes than a plan holds',
      (plan: PlanWriter) => plan.seccomp({ flags: 0, filter: new Uint8Array(limits.planBytes) }),
    ],
  ])('does not encode %s', (_what, write) => {
    const plan = new PlanWriter()
    plan.section('container')
    expect(() => write(plan)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('the frames', () => {
  const requests: Frame[] = [
    { type: 'attach', streams: 7 },
    { type: 'stdin', data: Buffer.from('abc') },
    { type: 'stdin', data: Buffer.alloc(0) },
    { type: 'stdinEnd' },
    { type: 'resize', rows: 24, columns: 80 },
    { type: 'signal', signal: 15, everyone: 0, final: 0 },
    { type: 'resolve' },
  ]
  const understand = (bytes: Buffer) => execFileSync(join(programs, 'frame-dump'), { input: bytes, encoding: 'utf8' })

  it('reach the supervisor as they were sent', () => {
    const { attach, stdinEnd, resize, signal, resolve } = frameCodes
    const lines = understand(Buffer.concat(requests.map(encodeFrame)))
      .split('\n')
      .map((line) => line.split(' '))
    const codes = [`${attach}`, 'input', `${stdinEnd}`, `${resize}`, `${signal}`, `${resolve}`, '']
    expect(lines.map(([type]) => type)).toEqual(codes)
    expect(lines[3]?.slice(1)).toEqual(['24', '80'])
  })

  it('survive a round trip', () => {
    const frames: Frame[] = [
      ...requests,
      { type: 'started', pid: 4, startedAtNs: 1795237494436766482n, restarts: 0 },
      { type: 'failed', step: 1, opcode: 2, errno: 3, section: 4, text: 'é' },
    ]
    for (const frame of frames) {
      const bytes = encodeFrame(frame)
      expect(decodeFrame(bytes[0] ?? 0, bytes.subarray(8))).toEqual(frame)
    }
  })

  it.each([
    ['an unknown type', Buffer.from([99, 0, 0, 0, 0, 0, 0, 0])],
    ["a supervisor's type", encodeFrame({ type: 'completed' })],
    ['a wrong length', Buffer.from([32, 0, 0, 0, 9, 0, 0, 0])],
    ['reserved bytes', Buffer.from([33, 1, 0, 0, 1, 0, 0, 0])],
  ])('are malformed with %s', (_what, bytes) => expect(understand(bytes)).toBe('malformed\n'))
})

describe("the log's escapes", () => {
  const escaped = (text: Buffer | string) =>
    execFileSync(join(programs, 'log-escape'), { input: text, encoding: 'utf8' })

  it('are those of Docker', () => {
    expect(escaped('a"\\\n\r\t\0\x1b\x7f<>&\u2028\u2029é😀/')).toBe(
      String.raw`a\"\\\n\r\u0009\u0000\u001b${'\x7f'}\u003c\u003e\u0026\u2028\u2029é😀/`,
    )
  })

  it('replace each byte that is not UTF-8', () => {
    expect(escaped(Buffer.from('ff c3 28 ed a0 80 c0 af f5 80 e2 82'.replaceAll(' ', ''), 'hex'))).toBe(
      '\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd',
    )
  })

  it.each([
    [0, 0, '1970-01-01T00:00:00Z'],
    [1_795_237_494, 436_766_482, '2026-11-21T05:04:54.436766482Z'],
    [1_795_237_494, 500_000_000, '2026-11-21T05:04:54.5Z'],
    [951_782_399, 1, '2000-02-28T23:59:59.000000001Z'],
  ])('come with times as Go prints them: %i.%i', (seconds, nanoseconds, text) => {
    expect(
      execFileSync(join(programs, 'log-escape'), [String(seconds), String(nanoseconds)], { encoding: 'utf8' }),
    ).toBe(text)
  })
})

describe('the fuzzer', () => {
  it('finds nothing in the decoders of plans, frames and output', () => {
    buildTestPrograms(`${programs}/supervisor.fuzz`)
    execFileSync('make', ['-C', 'test/native', '-s', `OUT=${programs}`, 'FUZZ_SECONDS=5', 'fuzz'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    expect(readFileSync(join(programs, 'corpus/everything')).length).toBeGreaterThan(0)
  })
})
