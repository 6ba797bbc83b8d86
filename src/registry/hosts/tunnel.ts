import { request } from 'node:http'
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { type Connector, dial } from './dialing.js'
import type { HttpProxy } from './proxies.js'

export interface TunnelOptions {
  readonly proxy: HttpProxy
  readonly toProxy: Connector
  readonly toTarget: Connector
  readonly timeoutMs: number
}

/**
 * A connection through a proxy's CONNECT (RFC 9110, 9.3.6).
 *
 * @returns the socket to the proxy; destroying it ends all of it
 */
export function tunnel(
  { proxy, toProxy, toTarget, timeoutMs }: TunnelOptions,
  options: buildConnector.Options,
  callback: buildConnector.Callback,
): Socket {
  const { hostname, host, protocol, port } = proxy.url
  return dial(toProxy, { hostname: withoutBrackets(hostname), host, protocol, port }, (error, socket) => {
    if (error) return callback(named(proxy, error), null)
    askForTunnel(proxy, socket, targetOf(options), timeoutMs, (refused) => {
      if (refused) {
        socket.destroy()
        return callback(refused, null)
      }
      dial(toTarget, { ...options, httpSocket: socket }, callback)
    })
  })
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function targetOf({ hostname, port }: buildConnector.Options): string {
  return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port || '443'}`
}

function askForTunnel(
  proxy: HttpProxy,
  socket: Socket,
  target: string,
  timeoutMs: number,
  done: (error?: Error) => void,
): void {
  const asked = request({
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) },
    createConnection: () => socket,
  })
  const timer = setTimeout(() => asked.destroy(new Error('no answer to CONNECT in time')), timeoutMs)
  const end = (error?: Error) => {
    clearTimeout(timer)
    asked.off('error', onError).on('error', () => {})
    done(error && named(proxy, error))
  }
  const onError = (error: Error) => end(error)
  asked
    .once('connect', ({ statusCode }, _, head) => {
      if (statusCode !== 200) end(new Error(`it answers CONNECT with ${statusCode}`))
      else end(head.length > 0 ? new Error('it sends what nobody asked for') : undefined)
    })
    .once('response', ({ statusCode }) => end(new Error(`it answers CONNECT with ${statusCode}`)))
    .once('error', onError)
    .end()
}

function named({ url }: HttpProxy, cause: Error): Error {
  return Object.assign(new Error(`the proxy ${url.origin} does not connect: ${cause.message}`, { cause }), {
    code: (cause as NodeJS.ErrnoException).code ?? 'EPROXY',
  })
}
