import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Takes a request's connection out of HTTP: what comes from here on is the client's bytes. Half of it may be closed: the end of
 * what comes is the end of the client's input alone. Nothing has been answered yet.
 */
export function takeOver(response: ServerResponse): Socket {
  const socket = response.socket as Socket
  // The parser's own: it would take what comes for the next request.
  for (const event of ['data', 'end', 'drain', 'timeout']) socket.removeAllListeners(event)
  response.detachSocket(socket)
  socket.setTimeout(0)
  // Who goes away in the middle is no error of ours.
  socket.on('error', () => socket.destroy())
  return socket
}

/**
 * The same, answered: what is written goes to the client as it is. Those that ask for an upgrade get `101 UPGRADED`, the older
 * ones a 200 without an end.
 *
 * @param headers of the answer, beside those that the response has already
 */
export function hijack(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Socket {
  const own = Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  const socket = takeOver(response)
  const upgrade = request.headers.upgrade
  const protocol = upgrade === undefined || /[\r\n]/.test(upgrade) ? 'tcp' : upgrade
  const head =
    upgrade === undefined
      ? 'HTTP/1.1 200 OK\r\n'
      : `HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`
  const given = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${head}${own.join('')}${given.join('')}\r\n`)
  return socket
}
