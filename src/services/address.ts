import type { Container } from '../container/container.js'
import type { ServiceAddress } from './preset.js'

/** The address that a container has on the first of its networks; undefined: none, as on `host` and `none`, or with another's network. */
export async function ownAddress(container: Container): Promise<string | undefined> {
  const { NetworkSettings } = await container.inspect()
  for (const { IPAddress, GlobalIPv6Address } of Object.values(NetworkSettings.Networks)) {
    const address = IPAddress || GlobalIPv6Address
    if (address) return address
  }
  return undefined
}

/** Where this process reaches a port of a container that runs. */
export async function reachedAt(container: Container, port: number, isPublished: boolean): Promise<ServiceAddress> {
  if (!isPublished) return { host: (await ownAddress(container)) ?? 'localhost', port }
  const [address = ''] = await container.port(port)
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}
