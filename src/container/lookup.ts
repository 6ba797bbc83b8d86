import type { LookupAddress, LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { withinTime } from './connect.js'
import { type Families, lookupError, resolveName } from './connections/resolve.js'
import type { ContainerContext } from './context.js'

const usualTimeoutMs = 30_000

type Callback = Parameters<LookupFunction>[2]

/** What `dns.lookup` does, as a container sees names. */
export async function lookup(
  context: ContainerContext,
  id: string,
  hostname: string,
  options: LookupOptions | number,
): Promise<readonly LookupAddress[]> {
  const { family } = typeof options === 'number' ? { family: options } : options
  const limited = withinTime(usualTimeoutMs, undefined, context.closing, () => lookupError('EAI_AGAIN', hostname))
  try {
    return await resolveName(context, id, hostname, familiesOf(family), limited.signal)
  } finally {
    limited.unlink()
  }
}

function familiesOf(family: LookupOptions['family']): Families {
  if (family === 4 || family === 'IPv4') return [4]
  return family === 6 || family === 'IPv6' ? [6] : [4, 6]
}

/** Calls back as `dns.lookup` does: with one address, or with all. */
export function answer(options: LookupOptions | number, callback: Callback, found: readonly LookupAddress[]): void {
  const [first] = found
  if (typeof options === 'object' && options.all) callback(null, [...found])
  else callback(null, first?.address ?? '', first?.family)
}
