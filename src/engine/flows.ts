import { type Networking, placesOf } from './networking.js'

/**
 * Forgets the connections of a container that has ended, or of one that leaves a network, while its addresses are still its
 * own. What cannot be forgotten keeps nothing from ending.
 *
 * @param of `network`: of one network only; `attempt`: of that run, if it is the last
 */
export async function forgetFlows(
  networking: Networking,
  of: { readonly container: string; readonly network?: string; readonly attempt?: number },
): Promise<void> {
  const endpoints = placesOf(networking, of.container)
    .filter(({ network: { id, definition } }) => definition.driver === 'bridge' && (of.network ?? id) === id)
    .filter(({ endpoint: { attempt } }) => (of.attempt ?? attempt) === attempt)
  if (endpoints.length === 0) return
  await networking.host.forgetFlows(endpoints.map(({ endpoint }) => endpoint.active)).catch(warn)
}

const warn = (error: Error) => process.emitWarning(error)
