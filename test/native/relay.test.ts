import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { native } from '../../src/host/index.js'
import { relayProfile } from '../../src/network/helper-profiles.js'
import { compileSeccomp, resolveProfile } from '../../src/spec/index.js'
import { OutsideHost } from '../support/own-network.js'
import { buildTestPrograms, programs } from './driver.js'

const TCP = 6
const UDP = 17
/** In the tests the container is another address of the loopback. */
const container = '127.0.0.5'
const nowhere = '198.51.100.250'
const megabyte = 1024 * 1024

let directory: string
let filter: string

beforeAll(() => {
  buildTestPrograms('relay')
  directory = mkdtempSync(join(tmpdir(), 'inboard-test-'))
  filter = join(directory, 'filter')
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const profile = resolveProfile(relayProfile, { arch, kernel: release(), caps: [] })
  writeFileSync(filter, compileSeccomp(profile, arch))
})
afterAll(() => rmSync(directory, { recursive: true }))

interface Published {
  readonly protocol: number
  /** The port's own address. */
  readonly on: readonly number[]
  readonly to: string
  readonly port: number
}

const loopback = [127, 0, 0, 1]
const loopback6 = [...Buffer.alloc(15), 1]
const everywhere = [0, 0, 0, 0]
const everywhere6 = [...Buffer.alloc(16)]

interface Relay {
  readonly process: ChildProcess
  /** The ports' own numbers. */
  readonly ports: readonly number[]
}

interface Options {
  readonly program?: 'relay-driver' | 'relay-driver-sanitized'
  readonly speed?: number
  /** How many descriptors it may have. */
  readonly files?: number
}

/** Ports that are held; `start` has them relayed by a process that is killed when the test has ended. */
function hold(published: readonly Published[]) {
  const held = published.map(({ protocol, on }) => native().holdPort(protocol, Uint8Array.from(on), 0))
  const sockets = held.map(({ fd }) => fd)
  const described = published.map(({ protocol, to, port }) => `${protocol} ${to} ${port}`)
  return {
    ports: held.map(({ port }) => port),
    start({ program = 'relay-driver', speed = 1, files = 8192 }: Options): ChildProcess {
      // A sanitizer makes calls of its own.
      const filtered = program === 'relay-driver' ? filter : ''
      const args = [`--nofile=${files}`, join(programs, program), `${speed}`, filtered, ...described]
      const child = spawn('prlimit', args, { stdio: ['ignore', 'inherit', 'inherit', ...sockets] })
      for (const socket of sockets) closeSync(socket)
      onTestFinished(() => end(child))
      return child
    },
  }
}

/** The relay of some held ports. */
function relay(published: readonly Published[], options: Options = {}): Relay {
  const { ports, start } = hold(published)
  return { process: start(options), ports }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A server in the container: its port. */
async function serve(serving: (socket: Socket) => void, address = container): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    serving(socket)
  })
  server.listen({ port: 0, host: address, backlog: 1024 })
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const echo = (socket: Socket) => void socket.pipe(socket)

async function tcpRelay(serving: (socket: Socket) => void, options?: Options): Promise<Relay & { port: number }> {
  const started = relay([{ protocol: TCP, on: loopback, to: container, port: await serve(serving) }], options)
  return { ...started, port: started.ports[0] ?? 0 }
}

/** Connected to a port of this host; destroyed when the test has ended. */
async function client(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What goes wrong with a connection, before or after it is made. */
async function failure(port: number): Promise<unknown> {
  const [error] = await once(connect(port, '127.0.0.1'), 'error')
  return error
}

/** All that comes to its end; the other direction stays open. */
function received(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.once('error', reject)
  })
}

/** What comes back for what is sent, each to its end. */
async function exchange(socket: Socket, bytes: string): Promise<string> {
  socket.end(bytes)
  return received(socket)
}

/** The digest of all that comes, and the most that was measured meanwhile. */
async function digested(socket: Socket, measure: () => number): Promise<{ digest: string; most: number }> {
  const hash = createHash('sha256')
  let most = 0
  for await (const chunk of socket) {
    hash.update(chunk)
    most = Math.max(most, measure())
  }
  return { digest: hash.digest('hex'), most }
}

/** A socket of UDP that answers what it gets, and keeps who from. */
async function answering(address = container): Promise<{ port: number; peers: RemoteInfo[] }> {
  const peers: RemoteInfo[] = []
  const socket = await bound(address)
  socket.on('message', (message, peer) => {
    peers.push(peer)
    socket.send(`${message} back`, peer.port, peer.address)
  })
  return { port: socket.address().port, peers }
}

async function bound(address: string): Promise<DatagramSocket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address)
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return socket
}

/** The answer to a datagram, and the address that it came from. */
async function ask(socket: DatagramSocket, message: string, port: number, host: string): Promise<string> {
  const answered = once(socket, 'message')
  socket.send(message, port, host)
  const [answer, { address }] = (await answered) as [Buffer, RemoteInfo]
  return `${answer} from ${address}`
}

/** One after the other. */
async function askEach(socket: DatagramSocket, message: string, port: number, hosts: string[]): Promise<string[]> {
  const answers: string[] = []
  for (const host of hosts) answers.push(await ask(socket, message, port, host))
  return answers
}

const residentKilobytes = ({ pid }: ChildProcess) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe.each(['relay-driver', 'relay-driver-sanitized'] as const)('connections through %s', (program) => {
  it('carry bytes both ways', async () => {
    const { port } = await tcpRelay(echo, { program })
    expect(await exchange(await client(port), 'hello')).toBe('hello')
  })

  it('carry the end of one direction while the other goes on', async () => {
    const { port } = await tcpRelay((socket) => void received(socket).then((all) => socket.end(`${all}, heard`)), {
      program,
    })
    expect(await exchange(await client(port), 'all of it')).toBe('all of it, heard')
  })

  it('stay open for what the client says after the container has ended', async () => {
    let said: Promise<string> | undefined
    const { port } = await tcpRelay(
      (socket) => {
        said = received(socket)
        socket.end('bye')
      },
      { program },
    )
    const socket = await client(port)
    expect(await received(socket)).toBe('bye')
    socket.end('one more thing')
    await once(socket, 'close')
    expect(await said).toBe('one more thing')
  })

  it('carry fifty megabytes to a slow reader in little memory, unchanged', async () => {
    const { port, process } = await tcpRelay(echo, { program })
    await exchange(await client(port), 'warm')
    const before = residentKilobytes(process)
    const sent = randomBytes(50 * megabyte)
    const socket = await client(port)
    socket.end(sent)
    const { digest, most } = await digested(socket, () => residentKilobytes(process))
    expect(digest).toBe(createHash('sha256').update(sent).digest('hex'))
    expect(most - before).toBeLessThan(1024)
  })

  it('hold back a sender for as long as its receiver takes nothing', async () => {
    const waiting: Socket[] = []
    const { ports, process } = relay(
      [
        { protocol: TCP, on: loopback, to: container, port: await serve((socket) => void waiting.push(socket)) },
        { protocol: TCP, on: loopback, to: container, port: await serve(echo) },
      ],
      { program },
    )
    await exchange(await client(ports[1] ?? 0), 'warm')
    const before = residentKilobytes(process)
    const socket = await client(ports[0] ?? 0)
    socket.write(Buffer.alloc(64 * megabyte))
    expect(await exchange(await client(ports[1] ?? 0), 'meanwhile')).toBe('meanwhile')
    expect(socket.writableLength).toBeGreaterThan(0)
    const drained = once(socket, 'drain')
    for (const one of waiting) one.resume()
    await drained
    expect(residentKilobytes(process) - before).toBeLessThan(1024)
  })

  it('are reset when the container refuses them', async () => {
    const port = await serve(() => undefined)
    const { ports } = relay([{ protocol: TCP, on: loopback, to: '127.0.0.6', port }], { program })
    expect(await failure(ports[0] ?? 0)).toMatchObject({ code: 'ECONNRESET' })
  })

  it('are reset when there is no way to the container', async () => {
    const { ports } = relay([{ protocol: TCP, on: loopback, to: nowhere, port: 80 }], { program })
    expect(await failure(ports[0] ?? 0)).toMatchObject({ code: 'ECONNRESET' })
  })

  it('are reset for the client when the container resets them, and the other way round', async () => {
    const errors: Promise<unknown>[] = []
    const { port } = await tcpRelay(
      (socket) => {
        errors.push(new Promise((resolve) => socket.once('error', resolve)))
        socket.once('data', () => socket.resetAndDestroy())
        socket.write('ready')
      },
      { program },
    )
    const one = await client(port)
    // What comes together with a reset is, to Node, the end.
    await once(one, 'data')
    one.write('reset')
    const [error] = await once(one, 'error')
    expect(error).toMatchObject({ code: 'ECONNRESET' })
    const other = await client(port)
    await once(other, 'data')
    other.resetAndDestroy()
    expect(await errors[1]).toMatchObject({ code: 'ECONNRESET' })
  })

  it('reach a container over IPv4 from clients of IPv6', async () => {
    const { ports } = relay([{ protocol: TCP, on: everywhere6, to: container, port: await serve(echo) }], { program })
    expect(await exchange(await client(ports[0] ?? 0, '::1'), 'six')).toBe('six')
  })

  it('are five hundred at once', async () => {
    const { port } = await tcpRelay(echo, { program })
    const clients = await Promise.all(Array.from({ length: 500 }, () => client(port)))
    const answers = await Promise.all(clients.map((socket, at) => exchange(socket, `client ${at}`)))
    expect(answers).toEqual(clients.map((_, at) => `client ${at}`))
  })

  it('are served when there are more than it takes at a time, once others have ended', async () => {
    const { port } = await tcpRelay(echo, { program })
    const clients = await Promise.all(Array.from({ length: 1100 }, () => client(port)))
    const last = clients.at(-1)
    const answered = exchange(last as Socket, 'at last')
    for (const other of clients.slice(0, 1000)) other.destroy()
    expect(await answered).toBe('at last')
  })
})

describe.each(['relay-driver', 'relay-driver-sanitized'] as const)('datagrams through %s', (program) => {
  it('go there and back, for each client its own', async () => {
    const { port, peers } = await answering()
    const { ports } = relay([{ protocol: UDP, on: loopback, to: container, port }], { program })
    const [one, other] = [await bound('127.0.0.1'), await bound('127.0.0.2')]
    const answers = await Promise.all([
      ask(one, 'one', ports[0] ?? 0, '127.0.0.1'),
      ask(other, 'other', ports[0] ?? 0, '127.0.0.1'),
    ])
    expect(answers).toEqual(['one back from 127.0.0.1', 'other back from 127.0.0.1'])
    expect(await ask(one, 'again', ports[0] ?? 0, '127.0.0.1')).toBe('again back from 127.0.0.1')
    expect(new Set(peers.map((peer) => peer.port)).size).toBe(2)
  })

  it('are answered from the address that they were sent to, of all that the port is held on', async () => {
    const { port } = await answering()
    const { ports } = relay([{ protocol: UDP, on: everywhere, to: container, port }], { program })
    const socket = await bound('127.0.0.1')
    expect(await ask(socket, 'a', ports[0] ?? 0, '127.0.0.8')).toBe('a back from 127.0.0.8')
    expect(await ask(socket, 'b', ports[0] ?? 0, '127.0.0.9')).toBe('b back from 127.0.0.9')
  })

  it('reach a container over IPv4 from clients of IPv6, of this host and others', async () => {
    await using outside = await OutsideHost.connect()
    const { port } = await answering()
    const { ports } = relay([{ protocol: UDP, on: everywhere6, to: container, port }], { program })
    expect(await ask(await bound('::1'), 'six', ports[0] ?? 0, '::1')).toBe('six back from ::1')
    const program_ = `
import socket
asking = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
asking.settimeout(10)
asking.connect(('${outside.gateway6}', ${ports[0]}))
asking.send(b'outside')
print(asking.recv(99).decode())`
    expect((await outside.run('python3', '-c', program_)).stdout).toBe('outside back\n')
  })

  it('find the container once it listens, though it refused some before', async () => {
    const free = createSocket('udp4').bind(0, '127.0.0.7')
    await once(free, 'listening')
    const { port } = free.address()
    free.close()
    await once(free, 'close')
    const other = await answering()
    const published = [
      { protocol: UDP, on: loopback6, to: '127.0.0.7', port },
      { protocol: UDP, on: loopback6, to: container, port: other.port },
    ]
    const { ports } = relay(published, { program })
    const socket = await bound('::1')
    socket.send('lost', ports[0] ?? 0, '::1')
    await ask(socket, 'is lost', ports[1] ?? 0, '::1')
    const late = createSocket('udp4').bind(port, '127.0.0.7')
    onTestFinished(() => void late.close())
    await once(late, 'listening')
    late.on('message', (message, peer) => late.send(`${message} back`, peer.port, peer.address))
    expect(await ask(socket, 'found', ports[0] ?? 0, '::1')).toBe('found back from ::1')
  })

  it('of more clients than it remembers are answered, too', async () => {
    const { port } = await answering()
    const { ports } = relay([{ protocol: UDP, on: everywhere, to: container, port }], { program })
    const socket = await bound('127.0.0.1')
    const destinations = Array.from({ length: 1500 }, (_, at) => `127.1.${at >> 8}.${at & 255}`)
    expect(await askEach(socket, 'x', ports[0] ?? 0, destinations)).toEqual(
      destinations.map((destination) => `x back from ${destination}`),
    )
  })

  it('keep the relay until their client was silent for ninety seconds', async () => {
    const { port } = await answering()
    const { ports, start } = hold([{ protocol: UDP, on: loopback, to: container, port }])
    // Whoever hurries its clock must not be waited for: it would end before it is asked.
    const answer = ask(await bound('127.0.0.1'), 'first', ports[0] ?? 0, '127.0.0.1')
    const ended = once(start({ program, speed: 100 }), 'exit')
    await answer
    const answered = performance.now()
    expect(await ended).toEqual([0, null])
    expect(performance.now() - answered).toBeGreaterThan(850)
  })
})

describe('the relay', () => {
  it('ends by itself after half a minute without connections', async () => {
    const { ports, start } = hold([{ protocol: TCP, on: loopback, to: container, port: await serve(echo) }])
    const socket = await client(ports[0] ?? 0)
    const started = performance.now()
    const ended = once(start({ speed: 20 }), 'exit')
    await exchange(socket, 'hello')
    expect(await ended).toEqual([0, null])
    expect(performance.now() - started).toBeGreaterThan(1500)
  })

  it('serves what it has descriptors for, and the others when some are free', async () => {
    const { port } = await tcpRelay(echo, { files: 32 })
    const clients = await Promise.all(Array.from({ length: 60 }, () => client(port)))
    const answers = await Promise.all(clients.map((socket, at) => exchange(socket, `client ${at}`)))
    expect(answers).toEqual(clients.map((_, at) => `client ${at}`))
  })

  it('stays as long as a connection is open, however silent', async () => {
    const { ports, start } = hold([{ protocol: TCP, on: loopback, to: container, port: await serve(echo) }])
    const socket = await client(ports[0] ?? 0)
    const process = start({ speed: 1000 })
    const quick = relay([{ protocol: TCP, on: loopback, to: container, port: 1 }], { speed: 100 })
    await once(quick.process, 'exit')
    expect(process.exitCode).toBeNull()
    expect(await exchange(socket, 'still there')).toBe('still there')
  })

  it('leaves connections for the next one that come after its end', async () => {
    const port = await serve(echo)
    const held = native().holdPort(TCP, Uint8Array.from(loopback), 0)
    onTestFinished(() => closeSync(held.fd))
    const start = (speed: number) =>
      spawn(join(programs, 'relay-driver'), [`${speed}`, filter, `${TCP} ${container} ${port}`], {
        stdio: ['ignore', 'inherit', 'inherit', held.fd],
      })
    await once(start(1000), 'exit')
    const answered = exchange(await client(held.port), 'who is there')
    const next = start(1)
    onTestFinished(() => end(next))
    expect(await answered).toBe('who is there')
  })
})
