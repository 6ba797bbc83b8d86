import type { Network } from '../../engine/network.js'
import type { NetworkFilters } from '../../engine/network-filters.js'
import type { NetworkInspect } from '../../engine/network-inspect.js'
import type { NetworkSummary } from '../../engine/networks.js'
import { type Filters, truthOf } from '../filters.js'

/** A network of the list, as Docker describes it: without who is on it. */
export function networkDocumentOf(network: NetworkSummary): NetworkInspect & { readonly EnableIPv4: true } {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt.toISOString(),
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6,
    IPAM: network.ipam,
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: network.options,
    Labels: network.labels,
  }
}

/** A network with who is on it. No network here is without IPv4. */
export async function inspectDocument(network: Network) {
  return { ...(await network.inspect()), EnableIPv4: true }
}

/** @throws {ApiError} 400 for a truth that is none */
export function networkFilters(filters: Filters): NetworkFilters {
  const { dangling: _, type, ...others } = filters
  const dangling = truthOf(filters, 'dangling')
  // Both types are all there are.
  const isOfBoth = type?.includes('custom') && type.includes('builtin')
  return {
    ...others,
    ...(dangling !== undefined && { dangling }),
    ...(type && !isOfBoth && { type: type[0] as 'custom' }),
  }
}
