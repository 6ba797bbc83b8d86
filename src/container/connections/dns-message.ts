import { randomInt } from 'node:crypto'
import { isIP } from 'node:net'
import packet, { type Answer, type DecodedPacket } from 'dns-packet'
import { DnsFailure } from './dns-exchange.js'
import { mostAddresses } from './hosts.js'
import { type NameAddress, toNameAddress } from './own-addresses.js'

/** A question about a name's addresses of one family. */
export interface Question {
  readonly id: number
  readonly name: string
  readonly type: 'A' | 'AAAA'
}

/** A question for each family, each with a number of its own, which nobody can guess. */
export function questionsFor(name: string, families: readonly (4 | 6)[]): Question[] {
  const first = randomInt(idCount)
  return families.map((family, at) => ({
    id: (first + at) % idCount,
    name: name.toLowerCase(),
    type: family === 4 ? 'A' : 'AAAA',
  }))
}

const idCount = 65536

/** With its length before it. */
export function encodeQuestion({ id, name, type }: Question): Buffer {
  const flags = packet.RECURSION_DESIRED
  return packet.streamEncode({ type: 'query', id, flags, questions: [{ type, name }] })
}

/** Aliases lead on from one to the next; more than these lead nowhere. */
const mostAliases = 16

/**
 * The addresses that an answer has for the name that was asked for.
 *
 * @returns undefined: there is no such name
 * @throws {DnsFailure} when it is no answer to the question, or the server could not answer
 */
export function addressesIn(message: Buffer, { id, name, type }: Question): NameAddress[] | undefined {
  const answer = decode(message)
  const [asked] = answer.questions ?? []
  if (answer.id !== id || answer.type !== 'response' || asked?.type !== type || nameOf(asked.name) !== name)
    throw new DnsFailure('an answer to another question')
  const { rcode } = answer as DecodedPacket & { readonly rcode: string }
  if (rcode === 'NXDOMAIN') return undefined
  if (rcode !== 'NOERROR') throw new DnsFailure(`it answered ${rcode}`)
  const records = answer.answers ?? []
  let owner = name
  for (let aliases = 0; aliases <= mostAliases; aliases++) {
    const found = records.filter((record) => record.type === type && nameOf(record.name) === owner).flatMap(addressOf)
    if (found.length > 0) return found.slice(0, mostAddresses)
    const alias = records.find((record) => record.type === 'CNAME' && nameOf(record.name) === owner)
    if (alias?.type !== 'CNAME') break
    owner = nameOf(alias.data)
  }
  return []
}

const nameOf = (name: string) => name.toLowerCase().replace(/\.$/, '')

function addressOf(record: Answer): NameAddress[] {
  const { data } = record as { data?: unknown }
  return typeof data === 'string' && isIP(data) !== 0 ? [toNameAddress(data)] : []
}

function decode(message: Buffer): DecodedPacket {
  try {
    return packet.decode(message)
  } catch (error) {
    throw new DnsFailure('an answer that cannot be read', { cause: error })
  }
}
