import { get } from 'node:http'
import type { Container } from '../../src/index.js'

/** Waits until a program in the container listens on the TCP port; gives the container back. */
export async function listening(container: Container, port: number): Promise<Container> {
  const address = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const isListed = `grep -qs '${address} [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6`
  await container.exec(['sh', '-c', `until ${isListed}; do sleep 0.01; done`])
  return container
}

/** The address of a container on one of its networks. */
export async function addressOf(container: Container | undefined, network = 'bridge'): Promise<string> {
  const settings = (await container?.inspect())?.NetworkSettings.Networks[network]
  return (settings as { readonly IPAddress?: string } | undefined)?.IPAddress ?? ''
}

/** The host's port that leads to one of a container's; '' when none does. */
export async function portOf(container: Container, port: string): Promise<string> {
  return (await container.inspect()).NetworkSettings.Ports[port]?.[0]?.HostPort ?? ''
}

/** What an HTTP server says, over a connection of its own. */
export function body(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 10_000 }, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url}`)))
    request.on('error', reject)
  })
}
