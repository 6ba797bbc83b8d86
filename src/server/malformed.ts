import type { Duplex } from 'node:stream'

const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  CONNECT: '405 Method Not Allowed',
}

/** Answers what is no request, and ends its connection. */
export function refuseConnection({ code = '' }: { readonly code?: string }, socket: Duplex): void {
  socket.on('error', () => socket.destroy())
  // In the midst of an answer another one would be taken for part of it.
  if (!socket.writable || isAnswering(socket)) return void socket.destroy()
  const status = statuses[code] ?? '400 Bad Request'
  const body = `${JSON.stringify({ message: status.slice(4) })}\n`
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}

/** Node's HTTP keeps the response that a connection is busy with beside it. */
function isAnswering(socket: Duplex): boolean {
  const response = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage
  return response?.headersSent === true
}
