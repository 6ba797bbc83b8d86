import { checkText, invalidOption } from './invalid.js'
import { sharedContainer } from './namespace-modes.js'

/**
 * `--network`: a network's name or id, or `container:NAME`. `'default'` is the bridge.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseNetworkMode(network: string | undefined): string {
  const mode = network === undefined || network === 'default' ? 'bridge' : checkText('network', network)
  if (mode === '') throw invalidOption('network', 'no name set for network', "leave it out for 'bridge'", network)
  if (mode === 'container' || sharedContainer(mode) === '')
    throw invalidOption(
      'network',
      'Invalid network mode: invalid container format container:<name|id>',
      'name the container whose network is shared',
      network,
    )
  return mode
}

/** Whether it has a network namespace of its own: not the host's, not another container's. */
export function hasOwnNetwork(network: string): boolean {
  return network !== 'host' && sharedContainer(network) === undefined
}

/** Whether `network` names one that is not there from the start. */
export function isUserDefined(network: string): boolean {
  return hasOwnNetwork(network) && network !== 'bridge' && network !== 'none'
}
