import { array, type InferOutput, looseObject, record, string } from 'valibot'
import type { CreateNetworkOptions } from '../../network/network-options.js'
import { flag, given, may, text, textMap, unlessEmpty } from '../containers/schemas.js'
import { ApiError } from '../failures.js'
import { noManager } from '../no-swarm.js'

/** What `POST /networks/create` says. */
export const networkDocument = looseObject({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: may(looseObject({ Network: text })),
  EnableIPv4: flag,
  EnableIPv6: flag,
  IPAM: may(
    looseObject({
      Driver: text,
      Options: textMap,
      Config: may(
        array(
          looseObject({
            Subnet: text,
            IPRange: text,
            Gateway: text,
            AuxiliaryAddresses: may(record(string(), string())),
          }),
        ),
      ),
    }),
  ),
  Options: textMap,
  Labels: textMap,
})

export type NetworkDocument = InferOutput<typeof networkDocument>

/**
 * The options of the network that a document asks for.
 *
 * @throws {ApiError} 403 for what only swarms have; 400 for what cannot be had here
 */
export function networkOptions(document: NetworkDocument): CreateNetworkOptions {
  refuseSwarm(document)
  const { IPAM } = document
  const blocks = IPAM?.Config ?? []
  if (blocks.some(({ Subnet }) => !Subnet)) throw new ApiError(400, 'Invalid subnet : invalid CIDR address: ')
  const all = (name: 'Subnet' | 'IPRange' | 'Gateway') => blocks.flatMap((block) => block[name] || [])
  return given({
    driver: unlessEmpty(document.Driver),
    subnet: all('Subnet'),
    gateway: all('Gateway'),
    ipRange: all('IPRange'),
    auxAddress: Object.assign({}, ...blocks.map(({ AuxiliaryAddresses = {} }) => AuxiliaryAddresses)),
    ipv6: document.EnableIPv6,
    internal: document.Internal,
    attachable: document.Attachable,
    label: document.Labels,
    option: document.Options,
    ipamDriver: unlessEmpty(IPAM?.Driver),
    ipamOption: IPAM?.Options,
  })
}

function refuseSwarm({ Scope, Driver, Ingress, ConfigOnly, ConfigFrom, EnableIPv4 }: NetworkDocument): void {
  if (Driver === 'overlay') throw new ApiError(503, noManager)
  if (Scope === 'swarm') throw new ApiError(403, 'cannot create a swarm scoped network when swarm is not active')
  if (Ingress) throw new ApiError(403, 'Ingress network can only be global scope network')
  if (ConfigOnly || ConfigFrom?.Network)
    throw new ApiError(400, 'networks of configuration only are not kept: give the options with the network itself')
  if (EnableIPv4 === false) throw new ApiError(400, 'IPv4 cannot be disabled in a network')
}
