import type { HealthCheck } from '../spec/health.js'
import { systemErrorOf } from './failure.js'
import { healthRecord, operationNames } from './protocol.gen.js'

/** What the supervisor has on record of the checks of the run that goes on. */
export interface HealthRecord {
  readonly status: 'starting' | 'healthy' | 'unhealthy'
  /** Failures in a row. */
  readonly streak: number
  /** The last ones, the oldest first. */
  readonly results: readonly HealthCheck[]
}

const statuses = { 1: 'starting', 2: 'healthy', 3: 'unhealthy' } as const
const wordBytes = 8
const longestOutput = healthRecord.outputBytes + '...'.length

/** The record `health`; undefined when it is none. What checks have printed is anything. */
export function parseHealthRecord(bytes: Buffer): HealthRecord | undefined {
  const head = words(bytes, 0, healthRecord.head)
  const status = head && statuses[Number(head.status) as keyof typeof statuses]
  if (!status || head.count > healthRecord.results) return undefined
  const results: HealthCheck[] = []
  let at = healthRecord.head.length * wordBytes
  for (let left = Number(head.count); left > 0; left--) {
    const result = words(bytes, at, healthRecord.result)
    if (!result || result.length > longestOutput) return undefined
    const from = at + healthRecord.result.length * wordBytes
    at = from + Number(result.length)
    if (at > bytes.length) return undefined
    results.push(checkOf(result, bytes.toString('utf8', from, at)))
  }
  return { status, streak: Number(head.streak), results }
}

/** Unsigned numbers, by their names. */
function words<Name extends string>(
  bytes: Buffer,
  from: number,
  names: readonly Name[],
): Record<Name, bigint> | undefined {
  if (bytes.length < from + names.length * wordBytes) return undefined
  const pairs = names.map((name, index) => [name, bytes.readBigUInt64LE(from + index * wordBytes)])
  return Object.fromEntries(pairs) as Record<Name, bigint>
}

type Result = Record<(typeof healthRecord.result)[number], bigint>

function checkOf(result: Result, printed: string): HealthCheck {
  const { startNs, endNs, exitCode, failedOpcode, failedErrno } = result
  const output = failedOpcode === 0n ? printed : failureText(Number(failedOpcode), Number(failedErrno), printed)
  return { startNs: String(startNs), endNs: String(endNs), exitCode: Number(BigInt.asIntN(64, exitCode)), output }
}

/** Docker's words for an exec that could not be started. */
function failureText(opcode: number, errno: number, subject: string): string {
  const { name, text } = systemErrorOf(errno)
  return `OCI runtime exec failed: exec failed: unable to start container process: ${reason(opcode, name, text, subject)}: unknown`
}

function reason(opcode: number, name: string, text: string, subject: string): string {
  const operation = operationNames[opcode] ?? `operation ${opcode}`
  if (operation === 'working_directory')
    return `chdir to cwd (${JSON.stringify(subject)}) set in config.json failed: ${text}`
  if (operation !== 'execute') return `${operation}: ${text}`
  const program = JSON.stringify(subject)
  if (name !== 'ENOENT') return `exec: ${program}: ${name === 'ENOEXEC' ? 'exec format error' : text}`
  return subject.includes('/')
    ? `exec: ${program}: stat ${subject}: ${text}`
    : `exec: ${program}: executable file not found in $PATH`
}
