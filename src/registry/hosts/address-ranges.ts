import { BlockList, isIP } from 'node:net'

/** Addresses and ranges of them, IPv4 and IPv6. */
export interface AddressRanges {
  /** False for what is neither an address nor a CIDR. */
  add(text: string): boolean
  has(address: string): boolean
}

export function addressRanges(texts: Iterable<string> = []): AddressRanges {
  const list = new BlockList()
  const ranges: AddressRanges = {
    add(text) {
      const [address = '', length, ...rest] = text.split('/')
      const family = isIP(address)
      const bits = family === 4 ? 32 : 128
      if (family === 0 || rest.length > 0) return false
      if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > bits)) return false
      list.addSubnet(address, length === undefined ? bits : Number(length), family === 4 ? 'ipv4' : 'ipv6')
      return true
    },
    has(address) {
      const family = isIP(address)
      return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
    },
  }
  for (const text of texts) ranges.add(text)
  return ranges
}

const loopback = addressRanges(['127.0.0.0/8', '::1/128'])

export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase()
  return name === 'localhost' || loopback.has(name)
}

/** `reg.local:5000`, `[::1]:5000`, `::1` → the name or address, without brackets. */
export function hostnameOf(host: string): string {
  const [, bracketed, name] = /^(?:\[(.*)\](?::\d+)?|([^:]*)(?::\d+)?)$/.exec(host) ?? []
  return bracketed ?? name ?? host
}
