import type { IncomingMessage, RequestListener } from 'node:http'
import { isLoopback } from './listen-tcp.js'

/**
 * Refuses what a browser sends for a page: a port of loopback is open to every site that somebody on this machine visits, by
 * requests across origins, and by names of its own that it has lead to 127.0.0.1. The tools of the API send no origin, and
 * call the address by its name.
 */
export function refusingPages(answer: RequestListener): RequestListener {
  return (request, response) => {
    if (!isOfPage(request)) return answer(request, response)
    const text = JSON.stringify({ message: 'requests of web pages are refused: use the unix socket, or TLS' })
    response.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' }).end(`${text}\n`)
  }
}

function isOfPage({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return true
  const host = /^\[?(.*?)\]?(:\d*)?$/.exec(headers.host ?? '')?.[1] ?? ''
  return host !== 'localhost' && !isLoopback(host)
}
