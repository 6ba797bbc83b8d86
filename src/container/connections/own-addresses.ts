import { networkInterfaces } from 'node:os'
import { sharedContainer } from '../../spec/index.js'
import type { ContainerContext } from '../context.js'

/** An address that a name stands for. */
export interface NameAddress {
  readonly address: string
  readonly family: 4 | 6
}

export const loopback: readonly NameAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

export const toNameAddress = (address: string): NameAddress => ({ address, family: address.includes(':') ? 6 : 4 })

/** Where the programs of a container may listen: on its loopback, or on the addresses of the network namespace that it is in. */
export function ownAddresses(context: ContainerContext, id: string): readonly NameAddress[] {
  return [...loopback, ...networkAddresses(context, id).map(toNameAddress)]
}

function networkAddresses(context: ContainerContext, id: string, depth = 0): string[] {
  const network = context.containers.get(id)?.config.network ?? 'none'
  if (network === 'host') return hostAddresses()
  const other = sharedContainer(network)
  if (other === undefined)
    return context.networking(id).endpoints.flatMap(({ active }) => [active?.ipv4, active?.ipv6].filter(isGiven))
  const owner =
    depth < longestChain ? (context.containers.getByName(other) ?? context.containers.get(other)) : undefined
  return owner ? networkAddresses(context, owner.id, depth + 1) : []
}

/** One that joins another's network may be joined itself. */
const longestChain = 8

const isGiven = (address: string | undefined): address is string => address !== undefined

function hostAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address)
}
