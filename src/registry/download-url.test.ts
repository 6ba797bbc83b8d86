import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificate } from '../../test/support/registry.js'
import { type DownloadOptions, downloadUrl } from './download-url.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let servers: AsyncDisposable[]
beforeEach(() => {
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
})

/** Serves on loopback; its URL, without a slash at its end. */
async function serve(handler: Handler, tls?: { cert: Buffer; key: Buffer }): Promise<string> {
  const server = tls ? createTlsServer(tls, handler as RequestListener) : createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  servers.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  })
  return `http${tls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const redirect = (response: ServerResponse, location: string) => response.writeHead(302, { location }).end()
const read = async (url: string, options: DownloadOptions = {}) =>
  (await buffer(downloadUrl(url, { env: {}, ...options }))).toString()

describe('downloadUrl', () => {
  it('gives the bytes behind a URL, and behind ten redirects', async () => {
    const url = await serve(({ url = '' }, response) => {
      const left = Number(url.slice(1))
      if (left > 0) redirect(response, `/${left - 1}`)
      else response.end('content')
    })
    expect(await read(`${url}/0?x=y#z`)).toBe('content')
    expect(await read(`${url}/10`)).toBe('content')
    await expect(read(`${url}/11`)).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('redirects more than 10 times'),
    })
  })

  it('sends a user and password to the host of the URL only, and tells them to nobody', async () => {
    const seen: (string | undefined)[] = []
    const other = await serve(({ headers }, response) => {
      seen.push(headers.authorization)
      response.writeHead(500).end('no')
    })
    const url = await serve(({ headers }, response) => {
      seen.push(headers.authorization)
      redirect(response, `${other}/x?token=secret`)
    })
    const withUser = url.replace('http://', 'http://me:p%20w@')
    const error = await read(`${withUser}/start?token=secret`).catch((error: Error) => error)
    expect(seen).toEqual([`Basic ${Buffer.from('me:p w').toString('base64')}`, undefined])
    expect(error).toMatchObject({
      code: 'REGISTRY_FAILED',
      message: `failed to GET ${url}/start with status 500 Internal Server Error: no`,
    })
    expect(JSON.stringify([error, (error as Error).stack])).not.toMatch(/p%20w|secret/)
  })

  it.each([
    [404, 'FILE_NOT_FOUND'],
    [403, 'REGISTRY_FAILED'],
    [206, 'REGISTRY_FAILED'],
  ])('fails with the status %d as %s', async (status, code) => {
    const url = await serve((_, response) => response.writeHead(status).end('said \x1b[31mso'))
    await expect(read(`${url}/file`)).rejects.toMatchObject({
      code,
      details: { status, url: `${url}/file` },
      message: expect.stringMatching(/: said {1,2}\[31mso$/),
    })
  })

  it('does not go from HTTPS to plain HTTP, and believes only authorities of the host', async () => {
    const directory = mkdtempSync('/tmp/ib-download-')
    await makeCertificate(directory)
    const [cert, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(directory, name))) as [
      Buffer,
      Buffer,
    ]
    const plain = await serve((_, response) => response.end('plain'))
    const url = await serve(
      (request, response) => (request.url === '/' ? response.end('safe') : redirect(response, plain)),
      { cert, key },
    )
    const env = { SSL_CERT_FILE: join(directory, 'ca.crt') }
    expect(await read(url, { env })).toBe('safe')
    await expect(read(`${url}/away`, { env })).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('plain HTTP'),
    })
    await expect(read(url)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    rmSync(directory, { recursive: true })
  })

  it('goes through the proxy of the environment', async () => {
    const proxy = await serve(({ url, headers }, response) => response.end(`${url} ${headers['proxy-authorization']}`))
    const env = { HTTP_PROXY: proxy.replace('http://', 'http://u:p@'), NO_PROXY: 'other.test' }
    expect(await read('http://files.test/a?b', { env })).toBe(`http://files.test/a?b Basic ${btoa('u:p')}`)
  })

  it('takes no more than it may', async () => {
    const announced = await serve((_, response) => response.end(Buffer.alloc(1001)))
    const endless = await serve((_, response) => {
      const write = () => {
        while (response.write(Buffer.alloc(65536)));
      }
      response.on('drain', write)
      write()
    })
    for (const url of [announced, endless])
      await expect(read(url, { maxBytes: 1000 })).rejects.toMatchObject({
        code: 'REGISTRY_INVALID',
        details: { maxBytes: 1000 },
      })
    expect(await read(announced, { maxBytes: 1001 })).toHaveLength(1001)
  })

  it('fails when the body breaks off or stands still', async () => {
    const broken = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('begin')
      response.socket?.end()
    })
    const still = await serve((_, response) => response.writeHead(200).write('begin'))
    const silent = await serve(() => {})
    await expect(read(broken)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    await expect(read(still, { stallTimeoutMs: 300 })).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    await expect(read(silent, { stallTimeoutMs: 100 })).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  })

  it('fails when nobody listens', async () => {
    const url = await serve(() => {})
    await servers.pop()?.[Symbol.asyncDispose]()
    await expect(read(url)).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining(url),
    })
  })

  it('ends the connection when it is aborted, or read no further', async () => {
    const closed: Promise<unknown>[] = []
    const url = await serve((request, response) => {
      closed.push(once(request.socket, 'close'))
      response.writeHead(200).write('begin')
    })
    const stop = new AbortController()
    const reason = new Error('enough')
    for await (const _ of downloadUrl(url, { env: {} })) break
    const aborted = (async () => {
      for await (const _ of downloadUrl(url, { env: {}, signal: stop.signal })) stop.abort(reason)
    })()
    await expect(aborted).rejects.toBe(reason)
    expect(await Promise.all(closed)).toHaveLength(2)
  })

  it.each(['ftp://host/x', 'not a url', 'file:///etc/passwd'])('refuses %s', async (url) => {
    await expect(read(url)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
