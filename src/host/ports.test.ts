import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { closing, failureOf } from './fixture.js'
import { native } from './index.js'

const TCP = 6
const UDP = 17
const SCTP = 132
const anywhere = Buffer.alloc(4)
const anywhere6 = Buffer.alloc(16)
const loopback = Buffer.from([127, 0, 0, 1])
const loopback6 = Buffer.from([...Buffer.alloc(15), 1])

/** SCTP is a module that many hosts do not have. */
const hasSctp = readFileSync('/proc/net/protocols', 'utf8').includes('SCTP')

function hold(protocol: number, address: Uint8Array, port: number): number {
  const held = native().holdPort(protocol, address, port)
  closing(held.fd)
  return held.port
}

async function listening(server: Server, address: string, port = 0): Promise<number> {
  server.listen(port, address)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('holdPort', () => {
  it('gives a port of the ephemeral range when none is asked for', () => {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number)
    const port = hold(TCP, loopback, 0)
    expect(port).toBeGreaterThanOrEqual(range[0] ?? Number.NaN)
    expect(port).toBeLessThanOrEqual(range[1] ?? Number.NaN)
  })

  it('keeps other servers from the port', async () => {
    const port = hold(TCP, anywhere, 0)
    const server = createServer().listen(port, '127.0.0.1')
    const [error] = await once(server, 'error')
    expect(error).toMatchObject({ code: 'EADDRINUSE' })
  })

  it('takes connections at once, for whoever will accept them', async () => {
    const port = hold(TCP, loopback, 0)
    const client = connect(port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    await once(client, 'connect')
    expect(client.remotePort).toBe(port)
  })

  it('says that a port is taken on the address, or on all addresses', async () => {
    const port = await listening(createServer(), '127.0.0.1')
    expect(failureOf(() => hold(TCP, loopback, port))).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' })
    expect(failureOf(() => hold(TCP, anywhere, port)).code).toBe('EADDRINUSE')
    expect(hold(TCP, Buffer.from([127, 0, 0, 2]), port)).toBe(port)
  })

  it('holds a port once for each protocol', () => {
    const port = hold(UDP, anywhere, 0)
    expect(hold(TCP, anywhere, port)).toBe(port)
    expect(failureOf(() => hold(UDP, anywhere, port)).code).toBe('EADDRINUSE')
    expect(failureOf(() => hold(UDP, loopback, port)).code).toBe('EADDRINUSE')
    expect(failureOf(() => hold(TCP, anywhere, port)).code).toBe('EADDRINUSE')
  })

  it.each([TCP, UDP])('holds all of IPv6 beside all of IPv4, of protocol %i', (protocol) => {
    const port = hold(protocol, anywhere, 0)
    expect(hold(protocol, anywhere6, port)).toBe(port)
    expect(failureOf(() => hold(protocol, loopback6, port)).code).toBe('EADDRINUSE')
  })

  it('takes a port whose last server has left connections lingering', async () => {
    const server = createServer((socket) => socket.end())
    const port = await listening(server, '127.0.0.1')
    const client = connect(port, '127.0.0.1').resume()
    await once(client, 'close')
    server.close()
    await once(server, 'close')
    await expect
      .poll(() => readFileSync('/proc/self/net/tcp', 'utf8'))
      .toMatch(new RegExp(`0100007F:${port.toString(16).toUpperCase()} \\S+ 06`))
    expect(hold(TCP, loopback, port)).toBe(port)
  })

  it('gives descriptors that do not block and that no program inherits', () => {
    const { fd } = native().holdPort(TCP, loopback, 0)
    closing(fd)
    const flags = Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
    expect(flags & 0o2004000).toBe(0o2004000)
  })

  it('refuses addresses that are not of this host, or none at all', () => {
    expect(failureOf(() => hold(TCP, Buffer.from([198, 51, 100, 77]), 80))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
    })
    expect(failureOf(() => hold(TCP, Buffer.alloc(5), 80)).code).toBe('EAFNOSUPPORT')
  })

  it.skipIf(hasSctp)('says EPROTONOSUPPORT for SCTP where the kernel has none', () => {
    const failure = failureOf(() => hold(SCTP, loopback, 0))
    expect(failure).toMatchObject({ code: 'EPROTONOSUPPORT', syscall: 'socket' })
  })

  it.runIf(hasSctp)('holds a port of SCTP', () => {
    const port = hold(SCTP, loopback, 0)
    expect(failureOf(() => hold(SCTP, loopback, port)).code).toBe('EADDRINUSE')
  })
})
