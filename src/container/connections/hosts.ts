import { isIP } from 'node:net'
import { type NameAddress, toNameAddress } from './own-addresses.js'

/** As many of one name are enough for whoever connects. */
export const mostAddresses = 64

/** The addresses that a hosts file has for a name. @see hosts(5) */
export function hostsAddresses(text: string, name: string): NameAddress[] {
  const wanted = name.toLowerCase()
  const found: NameAddress[] = []
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0 || !names.some((one) => one.toLowerCase() === wanted)) continue
    found.push(toNameAddress(address))
    if (found.length === mostAddresses) break
  }
  return found
}
