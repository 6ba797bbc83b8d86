import { describe, expect, it, test } from 'vitest'
import { parseHealthRecord } from './health-record.js'

const words = (...values: readonly (number | bigint)[]) => Buffer.from(BigInt64Array.from(values, BigInt).buffer)

interface Check {
  readonly exitCode?: number
  readonly opcode?: number
  readonly errno?: number
  readonly output?: string | Buffer
  readonly length?: number | bigint
}

const check = ({ exitCode = 0, opcode = 0, errno = 0, output = '', length }: Check) => {
  const bytes = Buffer.from(output)
  return Buffer.concat([words(1_000_000_000n, 2_500_000_000n, exitCode, opcode, errno, length ?? bytes.length), bytes])
}

const record = (status: number, streak: number, ...checks: readonly Check[]) =>
  Buffer.concat([words(status, streak, checks.length), ...checks.map(check)])

it('reads what the supervisor has written', () => {
  const bytes = record(
    3,
    2,
    { exitCode: -1, output: 'too long' },
    { exitCode: 1, output: Buffer.from('a\xffb', 'latin1') },
  )
  const times = { startNs: '1000000000', endNs: '2500000000' }
  expect(parseHealthRecord(bytes)).toEqual({
    status: 'unhealthy',
    streak: 2,
    results: [
      { ...times, exitCode: -1, output: 'too long' },
      { ...times, exitCode: 1, output: 'a\ufffdb' },
    ],
  })
})

const executed = 60
const cannotStart = 'OCI runtime exec failed: exec failed: unable to start container process:'

test.each([
  ['/nope', 2, 'exec: "/nope": stat /nope: no such file or directory: unknown'],
  ['nope', 2, 'exec: "nope": executable file not found in $PATH: unknown'],
  ['/etc/passwd', 13, 'exec: "/etc/passwd": permission denied: unknown'],
  ['/bin/garbage', 8, 'exec: "/bin/garbage": exec format error: unknown'],
])("has Docker's words for %s", (output, errno, text) => {
  const parsed = parseHealthRecord(record(1, 1, { exitCode: -1, opcode: executed, errno, output }))
  expect(parsed?.results[0]?.output).toBe(`${cannotStart} ${text}`)
})

test.each([
  [58, '/gone', 'chdir to cwd ("/gone") set in config.json failed: no such file or directory: unknown'],
  [17, '', 'clone: no such file or directory: unknown'],
  [200, '', 'operation 200: no such file or directory: unknown'],
])('says what step failed: %i', (opcode, output, text) => {
  const parsed = parseHealthRecord(record(1, 1, { exitCode: -1, opcode, errno: 2, output }))
  expect(parsed?.results[0]?.output).toBe(`${cannotStart} ${text}`)
})

describe('what is no record', () => {
  const whole = record(2, 0, { output: 'hello' })

  it.each(Array.from({ length: whole.length }, (_, length) => length))('is cut after %i bytes', (length) => {
    expect(parseHealthRecord(whole.subarray(0, length))).toBeUndefined()
  })

  it.each([
    ['an unknown status', record(4, 0)],
    ['no status', record(0, 0)],
    ['too many checks', record(2, 0, {}, {}, {}, {}, {}, {})],
    ['a length beyond its end', record(2, 0, { output: 'x', length: 2 })],
    ['a length beyond all bounds', record(2, 0, { output: 'x'.repeat(5000) })],
    ['a length that is negative', record(2, 0, { output: 'x', length: -1n })],
  ])('has %s', (_what, bytes) => {
    expect(parseHealthRecord(bytes)).toBeUndefined()
  })
})
