import { getSystemErrorName } from 'node:util'
import { SyscallError } from '../errors/index.js'
import { align } from './messages.js'

const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_DUMP_INTR = 0x10
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const NLA_TYPE_MASK = 0x3fff

/** One message of the kernel's. */
export interface Answer {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Buffer
}

/** The payloads of attributes by their types; of several with one type, the last. */
export type Attributes = ReadonlyMap<number, Buffer>

/** The messages of one or several datagrams. @throws {SyscallError} SYSCALL_FAILED with EBADMSG when they do not add up */
export function readAnswers(bytes: Uint8Array): Answer[] {
  const buffer = asBuffer(bytes)
  const answers: Answer[] = []
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.length - at < 16 ? 0 : buffer.readUInt32LE(at)
    if (length < 16 || length > buffer.length - at) throw malformed()
    answers.push({
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      sequence: buffer.readUInt32LE(at + 8),
      body: buffer.subarray(at + 16, at + length),
    })
    at += align(length)
  }
  return answers
}

/** The attributes behind the first `offset` bytes. @throws {SyscallError} SYSCALL_FAILED with EBADMSG when they do not add up */
export function readAttributes(bytes: Uint8Array, offset = 0): Attributes {
  const buffer = asBuffer(bytes)
  const attributes = new Map<number, Buffer>()
  for (let at = offset; at < buffer.length; ) {
    const length = buffer.length - at < 4 ? 0 : buffer.readUInt16LE(at)
    if (length < 4 || length > buffer.length - at) throw malformed()
    attributes.set(buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, buffer.subarray(at + 4, at + length))
    at += align(length)
  }
  return attributes
}

/** A string without the NUL that ends it. */
export function readText(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** A message that the kernel did not obey, and why. */
export interface Refusal {
  readonly sequence: number
  /** The name of the error: `EEXIST`. */
  readonly errno: string
  /** The kernel's own words, where it has some. */
  readonly reason?: string
}

/** What of a batch was refused, in the kernel's order. */
export function refusals(answers: readonly Answer[]): Refusal[] {
  return answers.map(refusalOf).filter((refusal) => refusal !== undefined)
}

/**
 * Throws when the kernel refused any message.
 *
 * @param what what the messages were to do, as the error's message begins
 * @throws {SyscallError} SYSCALL_FAILED; `details` has errno, reason, and the message's sequence number
 */
export function checkObeyed(what: string, answers: readonly Answer[]): void {
  const [first] = refusals(answers)
  if (!first) return
  const { errno, reason } = first
  throw new SyscallError(`${what}: ${errno}${reason ? `: ${reason}` : ''}`, {
    code: 'SYSCALL_FAILED',
    details: { syscall: 'netlink', ...first },
  })
}

/**
 * The objects that a dump gave; undefined when they changed meanwhile, so that it must be asked for again.
 *
 * @throws {SyscallError} SYSCALL_FAILED when it was refused
 */
export function dumped(what: string, answers: readonly Answer[]): readonly Answer[] | undefined {
  checkObeyed(what, answers)
  if (answers.some(({ flags, type }) => type !== NLMSG_ERROR && flags & NLM_F_DUMP_INTR)) return
  return answers.filter(({ type }) => type !== NLMSG_DONE && type !== NLMSG_ERROR)
}

function refusalOf({ type, flags, sequence, body }: Answer): Refusal | undefined {
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return
  if (body.length < (type === NLMSG_ERROR ? 20 : 4)) throw malformed()
  const error = body.readInt32LE(0)
  if (error >= 0) return
  const reason = flags & NLM_F_ACK_TLVS ? readAttributes(body, extensionOffset(type, flags, body)) : undefined
  const words = reason?.get(NLMSGERR_ATTR_MSG)
  return { sequence, errno: errnoName(-error), ...(words && { reason: readText(words) }) }
}

/** Node has no name for what a bridge says that has no room for another port. */
const EXFULL = 54

function errnoName(number: number): string {
  return number === EXFULL ? 'EXFULL' : getSystemErrorName(-number)
}

/** What extends an error stands behind the header of the refused message, or behind all of it. */
function extensionOffset(type: number, flags: number, body: Buffer): number {
  if (type === NLMSG_DONE) return 4
  return flags & NLM_F_CAPPED ? 20 : 4 + align(body.readUInt32LE(4))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function malformed(): SyscallError {
  return new SyscallError('the kernel answered what is no netlink message', {
    code: 'SYSCALL_FAILED',
    details: { syscall: 'netlink', errno: 'EBADMSG' },
  })
}
