import { once } from 'node:events'
import { request } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { port } from '../../src/wait/index.js'
import { authority } from '../support/certificates.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { openSockets } from '../support/open-sockets.js'
import { addressOf } from '../support/reach.js'

let host: TestEngine
let engine: Engine
let before: number

beforeAll(async () => {
  host = await testEngine(['busybox', 'redis'])
  engine = host.engine
  // What an engine opens with the first container, and keeps.
  await (await web().waitFor(port(80))).remove({ force: true })
  expect(await host.leaks()).toEqual([])
  before = openSockets()
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
  await expect.poll(openSockets).toBeLessThanOrEqual(before)
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

const idle = () => engine.run('busybox', ['sleep', '1000'])
const web = (address = '80') =>
  engine.run('busybox', ['sh', '-c', `mkdir /www; echo hi >/www/index.html; exec httpd -f -p ${address} -h /www`])

/** What a server of HTTP answers on a connection. */
async function ask(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.0\r\n\r\n')
  return (await text(socket)).split('\r\n\r\n')[1] ?? ''
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'connected',
    (error: { code?: string }) => error.code,
  )

/** Resolves when it is closed, also by an error. */
const closing = (one: Socket | Server) =>
  new Promise<void>((resolve) => {
    one.on('error', () => {}).once('close', () => resolve())
  })

const lookedUp = (container: Container, name: string, family: 0 | 4 | 6 = 0) =>
  new Promise((resolve) => {
    container.lookup(name, { all: true, family }, (error, addresses) => resolve(error ? error.code : addresses))
  })

test('connects to a port of a container that publishes nothing', async () => {
  const container = await web().waitFor(port(80))
  const socket = await container.connect(80)
  expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual(['127.0.0.1', 80, 'IPv4'])
  expect(await ask(socket)).toBe('hi\n')
})

test.each([
  ['127.0.0.1 only', '127.0.0.1:8080', '127.0.0.1'],
  ['::1 only', '[::1]:8080', '::1'],
])('reaches who listens on %s', async (_, listens, expected) => {
  const container = await web(listens).waitFor(port(8080))
  const socket = await container.connect(8080)
  expect([socket.remoteAddress, await ask(socket)]).toEqual([expected, 'hi\n'])
})

test('reaches who listens on an address of the container only, by IPv4 and IPv6', async () => {
  await engine.networks.create('net').ipv6().subnet('fd00:9::/64')
  const script = (address: string) =>
    `mkdir /www; echo hi >/www/index.html; httpd -p ${address}:8080 -h /www; exec httpd -f -p [fd00:9::5]:9090 -h /www`
  const container = await engine
    .run('busybox', ['sh', '-c', script('$(hostname -i | cut -d" " -f1)')])
    .network('net')
    .ip6('fd00:9::5')
    .waitFor(port(9090))
  const [first, second] = [await container.connect(8080), await container.connect(9090)]
  expect([first.remoteAddress, second.remoteAddress]).toEqual([await addressOf(container, 'net'), 'fd00:9::5'])
  expect([await ask(first), await ask(second)]).toEqual(['hi\n', 'hi\n'])
})

test('works without a network, on the host’s and on another container’s', async () => {
  const alone = await web().network('none').waitFor(port(80))
  const onHost = await web('127.0.0.1:8081').network('host').waitFor(port(8081))
  const joined = await idle().network(`container:${alone.name}`)
  const sockets = await Promise.all([alone.connect(80), onHost.connect(8081), joined.connect(80)])
  expect(await Promise.all(sockets.map(ask))).toEqual(['hi\n', 'hi\n', 'hi\n'])
})

test('fails as net.connect does, and as other verbs do when the container does not run', async () => {
  const container = await idle()
  await expect(container.connect(81)).rejects.toMatchObject({
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address: '127.0.0.1',
    port: 81,
  })
  expect(await codeOf(container.connect({ host: 'nobody.invalid', port: 1 }))).toMatch(/ENOTFOUND|EAI_AGAIN/)
  expect(await codeOf(container.connect(0))).toBe('INVALID_OPTION')
  await container.kill()
  expect(await codeOf(container.connect(81))).toBe('INVALID_STATE')
  await container.remove()
  expect(await codeOf(container.connect(81))).toBe('CONTAINER_NOT_FOUND')
})

test('gives up by its signal, and when it takes too long', async () => {
  const container = await idle()
  const [, second = ''] = /^\d+\.(\d+)/.exec(await addressOf(container)) ?? []
  const nobody = { host: `172.${second}.255.200`, port: 80 }
  await expect(container.connect(nobody, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'ETIMEDOUT', port: 80 })
  const reason = new Error('enough')
  await expect(container.connect(nobody, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const stop = new AbortController()
  const connecting = container.connect(nobody, { signal: stop.signal })
  setImmediate(() => stop.abort(reason))
  await expect(connecting).rejects.toBe(reason)
})

test('finds names as the container does', async () => {
  await engine.networks.create('net')
  const other = await web().name('web').network('net').networkAlias('www').waitFor(port(80))
  const client = await idle().name('client').hostname('me').network('net').addHost('fixed:10.9.8.7')
  const address = [{ address: await addressOf(other, 'net'), family: 4 }]
  expect(await lookedUp(client, 'web')).toEqual(address)
  expect(await lookedUp(client, 'WWW.', 4)).toEqual(address)
  expect(await lookedUp(client, 'fixed')).toEqual([{ address: '10.9.8.7', family: 4 }])
  expect(await lookedUp(client, 'web', 6)).toBe('ENOTFOUND')
  const loopback = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
  for (const own of ['localhost', 'client', 'me']) expect(await lookedUp(client, own)).toEqual(loopback)
  expect(await ask(await client.connect({ host: 'web', port: 80 }))).toBe('hi\n')
  // As dns.lookup without options.
  const plain = await new Promise((resolve) => {
    client.lookup('fixed', {}, (_, found, family) => resolve([found, family]))
  })
  expect(plain).toEqual(['10.9.8.7', 4])
})

test('serves fetch by a dispatcher, whatever host is named', async () => {
  const container = await web('127.0.0.1:8080').network('none').waitFor(port(8080))
  const dispatcher = container.dispatcher()
  // biome-ignore lint/suspicious/noExplicitAny: the types of Node's own undici are of another version
  const answer = await fetch('http://anything:8080/index.html', { dispatcher } as any)
  expect([answer.status, await answer.text()]).toEqual([200, 'hi\n'])
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const refused = await fetch('http://anything:81/', { dispatcher } as any).catch((error: Error) => error.cause)
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
  await dispatcher.close()
})

test('serves http.request by an agent', async () => {
  const container = await web().waitFor(port(80))
  const agent = container.agent({ keepAlive: true })
  const sent = request({ host: 'anything', path: '/index.html', agent }).end()
  const [answer] = await once(sent, 'response')
  expect(await text(answer)).toBe('hi\n')
  const refused = request({ host: 'anything', port: 81, agent }).end()
  const [error] = await once(refused, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  agent.destroy()
})

test('speaks TLS by a dispatcher and by an agent, and looks at certificates', async () => {
  const ca = authority('tests')
  const container = await idle().network('none')
  const server = await container.listen(8443)
  const secure = https.createServer(ca.certificate('web'), (_, answer) => answer.end('secret'))
  server.on('connection', (socket) => secure.emit('connection', socket))
  const dispatcher = container.dispatcher({ connect: { ca: ca.cert, servername: 'localhost' } })
  // biome-ignore lint/suspicious/noExplicitAny: the types of Node's own undici are of another version
  const answer = await fetch('https://anything:8443/', { dispatcher } as any)
  expect(await answer.text()).toBe('secret')
  await dispatcher.close()
  const agent = container.agent({ tls: true, ca: ca.cert })
  const [sent] = await once(https.get({ host: 'localhost', port: 8443, agent }), 'response')
  expect(await text(sent)).toBe('secret')
  const unknown = container.dispatcher()
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const refused = await fetch('https://localhost:8443/', { dispatcher: unknown } as any).catch((error) => error.cause)
  expect(refused.code).toMatch(/SELF_SIGNED|UNABLE_TO/)
  await unknown.destroy()
  agent.destroy()
})

test('listens for the programs of a container, and for nobody else', async () => {
  const container = await idle()
  const server = await container.listen(0)
  server.on('connection', (socket) => socket.resume().end(`HTTP/1.0 200 OK\r\n\r\nfrom ${socket.remoteAddress}`))
  const { port: number, address } = server.address() as AddressInfo
  const { stdout } = await container.exec(['wget', '-qO-', `http://127.0.0.1:${number}/`])
  expect([address, stdout]).toEqual(['127.0.0.1', 'from 127.0.0.1'])
  expect(await codeOf(container.listen(number))).toBe('EADDRINUSE')
  expect(await codeOf(container.listen(80, { host: '192.0.2.1' }))).toBe('EADDRNOTAVAIL')
  const neighbour = await idle()
  const there = { host: await addressOf(container), port: number }
  expect(await codeOf(neighbour.connect(there))).toBe('ECONNREFUSED')
  const open = await container.listen(8000, { host: '0.0.0.0' })
  open.on('connection', (socket) => socket.end('hello'))
  expect(await text(await neighbour.connect({ ...there, port: 8000 }))).toBe('hello')
  server.close()
  await once(server, 'close')
})

test('ends servers and connections with the run of their container, and nothing is left', async () => {
  const container = await web().waitFor(port(80))
  const server = await container.listen(8000)
  server.on('connection', (socket) => socket.on('error', () => {}))
  const [idleSocket, toServer] = [await container.connect(80), await container.connect(8000)]
  const closed = [server, idleSocket, toServer].map(closing)
  await container.restart({ timeoutMs: 0 })
  await Promise.all(closed)
  await container.waitFor(port(80))
  expect(await ask(await container.connect(80))).toBe('hi\n')
})

test('ends them also when another process has started the container, and with the engine', async () => {
  const container = await web().waitFor(port(80))
  const other = await host.reopen()
  const seen = await other.containers.get(container.id)
  const [server, socket] = [await seen.listen(8000), await seen.connect(80)]
  const closed = [server, socket].map(closing)
  await container.remove({ force: true })
  await Promise.all(closed)
  const second = await other.containers.get((await idle()).id)
  const left = closing(await second.listen(8000))
  await other.close()
  await left
})

test('what a program wrote before it ended is read to its end', async () => {
  const script = 'head -c 50000 /dev/zero | nc -l -p 9000'
  const container = await engine.run('busybox', ['sh', '-c', script]).network('none')
  let socket: Socket | undefined
  await container.waitFor(async () => {
    socket = await container.connect(9000).catch(() => undefined)
    return socket !== undefined
  })
  await expect.poll(() => socket?.readableLength).toBeGreaterThan(0)
  await container.kill()
  let length = 0
  for await (const chunk of socket as Socket) length += chunk.length
  expect(length).toBe(50_000)
})

test('takes 200 connections at once', async () => {
  const container = await engine.run('redis:7').network('none').waitFor(port(6379))
  const sockets = await Promise.all(Array.from({ length: 200 }, () => container.connect(6379)))
  const answers = sockets.map(async (socket) => {
    socket.end('PING\r\n')
    return text(socket)
  })
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['+PONG\r\n']))
})

test('leaves no descriptor behind when connections fail', async () => {
  const container = await idle()
  await container.connect(81).catch(() => {})
  const idleSockets = openSockets()
  const fail = () => container.connect(81).catch((error: { code: string }) => error.code)
  const codes = await Promise.all(Array.from({ length: 50 }, fail))
  expect(new Set(codes)).toEqual(new Set(['ECONNREFUSED']))
  expect(openSockets()).toBe(idleSockets)
})
