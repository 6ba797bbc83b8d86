import { checkObeyed, refusals } from './answers.js'
import { defaultRouteStep, endpointSteps } from './endpoint-steps.js'
import type { EndpointLink, NetlinkStep } from './host-network-types.js'
import { queryLink, readLinks } from './host-records.js'
import { deleteLink } from './links.js'
import { NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.js'
import { networkFailure } from './network-failure.js'

/** Gives a running container another interface, as its supervisor would have done. */
export async function attachEndpoint(host: NetlinkSocket, link: EndpointLink, namespace: number): Promise<void> {
  await withContainer(namespace, async (container) => {
    try {
      for (const step of endpointSteps(link)) await perform({ host, container }, step, namespace)
    } catch (error) {
      await removeInterface(host, container, link)
      throw failureOf(error, link)
    }
  })
}

/** Takes an interface away, and gives the default routes to another one. */
export async function detachEndpoint(
  host: NetlinkSocket,
  link: EndpointLink,
  namespace: number,
  next: EndpointLink | undefined,
): Promise<void> {
  await withContainer(namespace, async (container) => {
    await removeInterface(host, container, link)
    const step = next && defaultRouteStep(next)
    if (step) await perform({ host, container }, step, namespace)
  })
}

async function withContainer(namespace: number, work: (container: NetlinkSocket) => Promise<void>): Promise<void> {
  const container = new NetlinkSocket(NETLINK_ROUTE, namespace)
  try {
    await work(container)
  } finally {
    container.close()
  }
}

/** Of a pair, by the host's end: the container may have renamed its own. */
async function removeInterface(
  host: NetlinkSocket,
  container: NetlinkSocket,
  { endpoint }: EndpointLink,
): Promise<void> {
  const isPair = endpoint.hostInterface !== ''
  const name = isPair ? endpoint.hostInterface : endpoint.interface
  const answers = await (isPair ? host : container).exchange([deleteLink(name)])
  if (refusals(answers).some(({ errno }) => errno !== 'ENODEV')) checkObeyed(`interface ${name}`, answers)
}

/** What a supervisor does with a step: see `netlink` in `native/protocol/operations.mjs`. */
async function perform(
  sockets: Readonly<Record<NetlinkStep['socket'], NetlinkSocket>>,
  step: NetlinkStep,
  namespace: number,
): Promise<void> {
  const socket = sockets[step.socket]
  const messages = Buffer.from(step.messages)
  const index = step.link === '' ? 0 : await indexOf(socket, step.link)
  for (const at of step.linkAt) messages.writeUInt32LE(index, at)
  if (step.namespaceAt !== undefined) messages.writeUInt32LE(namespace, step.namespaceAt)
  checkObeyed('network interface', await socket.exchangeBytes(messages))
}

async function indexOf(socket: NetlinkSocket, name: string): Promise<number> {
  const answers = await socket.exchange([queryLink(name)])
  checkObeyed(`interface ${name}`, answers)
  return readLinks(answers)[0]?.index ?? 0
}

function failureOf(error: unknown, { network }: EndpointLink): unknown {
  const errno = (error as { details?: { errno?: unknown } }).details?.errno
  return (typeof errno === 'string' && networkFailure(errno, network.definition.interface, error)) || error
}
