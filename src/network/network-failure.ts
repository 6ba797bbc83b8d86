import { ConflictError } from '../errors/index.js'

/**
 * What it means that the kernel refuses an endpoint; undefined when there is no more to say than the errno.
 *
 * @param errno its name: `EXFULL`
 * @param network the network's name, or its interface's
 */
export function networkFailure(errno: string, network: string, cause?: unknown): ConflictError | undefined {
  if (errno !== 'EXFULL') return
  const message = `failed to add an interface to network ${network}: exchange full: a bridge takes 1,023 of them; use another network for more containers`
  return new ConflictError(message, { code: 'NETWORK_FULL', cause, details: { network, errno } })
}
