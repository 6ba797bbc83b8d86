import { type Address, formatAddress, parseAddress } from './address.js'
import { type NetworkSubnet, planSubnet, type SubnetRequest } from './address-allocation.js'
import type { NetworkDefinition, SubnetDefinition } from './definition.js'
import { formatSubnet, parseSubnet, type Subnet } from './subnet.js'

/** A network's subnets, read from its definition, which is complete. */
export function subnetsOf({ subnets }: NetworkDefinition): NetworkSubnet[] {
  return subnets.map(({ subnet, range, gateway, auxAddresses = {} }) => ({
    subnet: parseSubnet(subnet),
    ...(range !== undefined && { range: parseSubnet(range) }),
    gateway: parseAddress(gateway as string),
    auxAddresses: mapValues(auxAddresses, parseAddress),
  }))
}

/** Just the blocks. */
export function blocksOf({ subnets }: NetworkDefinition): Subnet[] {
  return subnets.map(({ subnet }) => parseSubnet(subnet))
}

/** Completes a subnet, for a definition. @throws as {@link planSubnet} */
export function defineSubnet(request: SubnetRequest, isPicked: boolean): SubnetDefinition {
  const { subnet, range, gateway, auxAddresses = {} } = planSubnet(request)
  return {
    subnet: formatSubnet(subnet),
    ...(isPicked && { isPicked }),
    ...(range && { range: formatSubnet(range) }),
    gateway: formatAddress(gateway),
    ...(request.gateway && { isGatewayGiven: true }),
    ...(Object.keys(auxAddresses).length > 0 && { auxAddresses: mapValues(auxAddresses, formatAddress) }),
  }
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

/** Who needs only one family's. */
export function ofFamily(subnets: readonly NetworkSubnet[], family: Address['family']): NetworkSubnet[] {
  return subnets.filter(({ subnet }) => subnet.family === family)
}
