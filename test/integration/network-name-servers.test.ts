import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { addressOf, listening } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'nettools'])
  engine = host.engine
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect([...left, ...(await namespaceLeaks())]).toEqual([])
})

/** What pihole, dnsmasq or CoreDNS do: has port 53 of all addresses, answers for some names, asks 127.0.0.11 for others. */
const nameServer = `
import socket, struct, threading

def answer(query):
    if b'\\x04sink' in query:
        record = b'\\xc0\\x0c' + struct.pack('>2HIH', 1, 1, 60, 4) + socket.inet_aton('192.0.2.53')
        end = query.index(0, 12) + 5
        return query[:2] + struct.pack('>5H', 0x8180, 1, 1, 0, 0) + query[12:end] + record
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(15)
        upstream.sendto(query, ('127.0.0.11', 53))
        return upstream.recvfrom(4096)[0]

def datagrams():
    while True:
        query, client = udp.recvfrom(4096)
        udp.sendto(answer(query), client)

def connections():
    while True:
        connection = tcp.accept()[0]
        query = connection.recv(4096)[2:]
        reply = answer(query)
        connection.sendall(struct.pack('>H', len(reply)) + reply)
        connection.close()

udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
for server in (udp, tcp): server.bind(('0.0.0.0', 53))
threading.Thread(target=datagrams, daemon=True).start()
tcp.listen()
connections()
`

const serving = async (container: PromiseLike<Container>) => listening(await container, 53)

const dig = async (container: Container, ...args: string[]) =>
  (await container.exec(['dig', '+short', '+tries=1', '+timeout=20', ...args])).stdout.trim()

test('a container is the name server of its network, on port 53 of all addresses, and asks 127.0.0.11 itself', async () => {
  const network = await engine.networks.create('net')
  const web = await engine.run('busybox', ['sleep', '1000']).name('web').network('net')
  const server = engine
    .run('nettools', ['python3', '-c', nameServer])
    .name('dns')
    .network('net')
    .publish('127.0.0.1::53/udp')
  const dns = await serving(server)
  const client = await engine.run('nettools', ['sleep', '1000']).name('client').network('net')
  const address = await addressOf(web, 'net')
  const own = [await dig(dns, 'web'), await dig(dns, '+tcp', 'web')]
  const local = [await dig(dns, '@127.0.0.1', 'web'), await dig(dns, '@127.0.0.1', 'sink.test')]
  const neighbours = [
    await dig(client, '@dns', 'web'),
    await dig(client, '@dns', '+tcp', 'web'),
    await dig(client, '@dns', 'sink.test'),
  ]
  const embedded = await dig(client, 'web')
  const port = (await dns.port('53/udp'))[0]?.split(':')[1] ?? ''
  const abroad = await engine
    .run('nettools', ['dig', '+short', '+tries=1', '+timeout=20', '@127.0.0.1', '-p', port, 'web'])
    .network('host')
    .rm()
    .output()
  await Promise.all([web, dns, client].map((container) => container.remove({ force: true })))
  await network.remove()
  expect(own).toEqual([address, address])
  expect(local).toEqual([address, '192.0.2.53'])
  expect(neighbours).toEqual([address, address, '192.0.2.53'])
  expect(embedded).toBe(address)
  expect(abroad.stdout.trim()).toBe(address)
})

test('a name server that runs finds others by name once it is connected to a network with names', async () => {
  const network = await engine.networks.create('net').internal()
  const web = await engine.run('busybox', ['sleep', '1000']).name('web').network('net')
  const dns = await serving(engine.run('nettools', ['python3', '-c', nameServer]).name('dns'))
  await network.connect(dns)
  const address = await addressOf(web, 'net')
  const answers = [await dig(dns, 'web'), await dig(dns, '@127.0.0.1', 'web')]
  const files = (await dns.exec(['cat', '/etc/resolv.conf'])).stdout
  await Promise.all([web, dns].map((container) => container.remove({ force: true })))
  await network.remove()
  expect(answers).toEqual([address, address])
  expect(files).toContain('nameserver 127.0.0.11')
})
