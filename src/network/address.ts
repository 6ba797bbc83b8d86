import { InvalidOptionError } from '../errors/index.js'

/** 4: IPv4, 6: IPv6. */
export type Family = 4 | 6

/** An IPv4 or IPv6 address as the number it is. */
export interface Address {
  readonly family: Family
  readonly value: bigint
}

/** The number of bits of a family's addresses. */
export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128
}

/**
 * Reads an address. Strict: four decimal numbers without leading zeros, or RFC 4291's forms; no zone, no shorthand.
 *
 * @throws {InvalidOptionError} INVALID_OPTION, in Docker's words
 * @example parseAddress('fd00::1') // { family: 6, value: 0xfd000000000000000000000000000001n }
 */
export function parseAddress(text: string): Address {
  const address = addressOf(text)
  if (address) return address
  throw new InvalidOptionError(`invalid IP address: ${text}: give one such as '172.20.0.5' or 'fd00::5'`, {
    code: 'INVALID_OPTION',
    details: { value: text },
  })
}

/** The address that the text is, or undefined. */
export function addressOf(text: string): Address | undefined {
  const family = text.includes(':') ? 6 : 4
  const value = family === 4 ? ipv4Value(text) : ipv6Value(text)
  return value === undefined ? undefined : { family, value }
}

function ipv4Value(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function ipv6Value(text: string): bigint | undefined {
  const halves = withoutIpv4(text)?.split('::')
  if (!halves || halves.length > 2) return
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

/** An IPv4 address at the end of an IPv6 one, as two groups. */
function withoutIpv4(text: string): string | undefined {
  if (!text.includes('.')) return text
  const start = text.lastIndexOf(':') + 1
  const value = ipv4Value(text.slice(start))
  return value === undefined
    ? undefined
    : `${text.slice(0, start)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
}

/** The address as Docker and the kernel write it; IPv6 by RFC 5952. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  // As glibc and Go write what is mapped; RFC 5952, section 5.
  if (value >> 32n === 0xffffn) return `::ffff:${formatAddress({ family: 4, value: value & 0xffffffffn })}`
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16))
  const { start, length } = longestZeros(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let start = 0
  groups.forEach((group, at) => {
    if (group !== '0') start = at + 1
    else if (at + 1 - start > longest.length) longest = { start, length: at + 1 - start }
  })
  return longest
}

/** The address in network byte order: 4 or 16 bytes. */
export function addressBytes({ family, value }: Address): Uint8Array {
  return Buffer.from(value.toString(16).padStart(addressBits(family) / 4, '0'), 'hex')
}

/** The address that 4 or 16 bytes in network byte order are. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`An address of ${bytes.length} bytes`)
  return { family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${Buffer.from(bytes).toString('hex')}`) }
}

export function equalAddresses(one: Address, other: Address): boolean {
  return one.family === other.family && one.value === other.value
}

/**
 * The hardware address that Docker gives an endpoint: 02:42 and its IPv4 address. A restarted container with the same
 * address has the same one, so that its neighbours' ARP caches stay right.
 *
 * @example formatMac(macOf(parseAddress('172.17.0.2'))) // '02:42:ac:11:00:02'
 */
export function macOf(address: Address): Uint8Array {
  return Buffer.from([0x02, 0x42, ...addressBytes(address).slice(-4)])
}

/**
 * Six bytes of a hardware address written with colons, as `--mac-address` has it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION, in Docker's words
 */
export function parseMac(text: string): Uint8Array {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return Buffer.from(text.replaceAll(':', ''), 'hex')
  throw new InvalidOptionError(`${text} is not a valid mac address: write six bytes, as in '02:42:ac:11:00:02'`, {
    code: 'INVALID_OPTION',
    details: { value: text },
  })
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
