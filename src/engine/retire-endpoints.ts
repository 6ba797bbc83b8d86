import { type Networking, placesOf } from './networking.js'

/**
 * Ends what a container that has ended, or one that leaves a network, does with its addresses, while they are still its own.
 * What cannot be ended keeps nothing else from it.
 *
 * @param of `network`: of one network only; `attempt`: of that run, if it is the last, whose supervisor has seen it through
 */
export async function retireEndpoints(
  networking: Networking,
  of: { readonly container: string; readonly network?: string; readonly attempt?: number },
): Promise<void> {
  const endpoints = placesOf(networking, of.container)
    .filter(({ network: { id, definition } }) => definition.driver === 'bridge' && (of.network ?? id) === id)
    .filter(({ endpoint: { attempt } }) => (of.attempt ?? attempt) === attempt)
  if (endpoints.length === 0) return
  const actives = endpoints.map(({ endpoint }) => endpoint.active)
  const areMute = of.attempt !== undefined && !actives.some(({ isLive }) => isLive)
  await networking.host.retireEndpoints(actives, areMute).catch(warn)
}

const warn = (error: Error) => process.emitWarning(error)
