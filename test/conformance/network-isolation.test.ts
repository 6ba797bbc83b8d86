import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine, RunBuilder } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { OutsideHost } from '../support/own-network.js'
import { addressOf, listening } from '../support/reach.js'

/** Says its name to everybody who connects, and to every datagram, on port 80. */
const server = `
import os, socket, threading
name = os.environ['NAME'].encode()
tcp = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(('::', 80))
def echo():
    while True: udp.sendto(name, udp.recvfrom(2048)[1])
threading.Thread(target=echo, daemon=True).start()
while True:
    client = tcp.accept()[0]
    try: client.sendall(name)
    except OSError: pass
    client.close()
`

/** What a program in a container tries; it prints what came of each try. */
const tools = `
import os, socket, struct, sys, time
def tcp(address, port=80):
    client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    client.settimeout(1)
    try:
        client.connect((address, port))
        return client.recv(64).decode() or 'nothing'
    except OSError as error:
        return type(error).__name__
def udp(address, port=80):
    client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(1)
    try:
        client.sendto(b'?', (address, port))
        return client.recv(64).decode()
    except OSError as error:
        return type(error).__name__
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
def mac(text): return bytes.fromhex(text.replace(':', ''))
def own_mac(name='eth0'): return mac(open('/sys/class/net/%s/address' % name).read().strip())
def raw(name='eth0'):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind((name, 0))
    link.settimeout(1)
    return link
def neighbour(address):
    for line in os.popen('ip neigh show to ' + address):
        words = line.split()
        if 'lladdr' in words: return mac(words[words.index('lladdr') + 1])
`

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['nettools'])
  engine = host.engine
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

const serving = (name: string, network: string): RunBuilder =>
  engine.run('nettools', ['python3', '-c', server]).env({ NAME: name }).hostname(name).network(network)

/** Root with the default capabilities, NET_RAW among them. */
const attacking = (network: string): RunBuilder => engine.run('nettools', ['sleep', '1000']).network(network)

/** What a Python program says that has the tools, in lines. */
async function tries(container: Container, program: string): Promise<string[]> {
  const { stdout, stderr } = await container.exec(['python3', '-c', `${tools}\n${program}`])
  return `${stdout}${stderr}`.trim().split('\n')
}
const address6Of = async (container: Container, network: string): Promise<string> => {
  const settings = (await container.inspect()).NetworkSettings.Networks[network]
  return (settings as { GlobalIPv6Address: string }).GlobalIPv6Address
}

const withoutIcc = { 'com.docker.network.bridge.enable_icc': 'false' }


const advertise = `
payload = bytes([134, 0, 0, 0, 64, 0]) + struct.pack('!HII', 1800, 0, 0)
payload += bytes([3, 4, 64, 0xc0]) + struct.pack('!III', 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
payload += bytes([1, 1]) + own_mac()
source = socket.inet_pton(socket.AF_INET6, 'fe80::bad')
group = socket.inet_pton(socket.AF_INET6, 'ff02::1')
pseudo = source + group + struct.pack('!II', len(payload), 58)
payload = payload[:2] + struct.pack('!H', checksum(pseudo + payload)) + payload[4:]
header = struct.pack('!IHBB', 6 << 28, len(payload), 58, 255) + source + group
for i in range(3): raw().send(mac('33:33:00:00:00:01') + own_mac() + b'\\x86\\xdd' + header + payload)
`
describe('probe', () => {
  test('ra', async () => {
    await engine.networks.create('four', { subnet: ['10.65.0.0/24'] })
    await engine.networks.create('six', { subnet: ['10.66.0.0/24', 'fd66::/64'], ipv6: true })
    await engine.networks.create('apart', { ipv6: true, option: withoutIcc, subnet: ['10.64.0.0/24', 'fd64::/64'] })
    for (const net of ['four', 'six', 'bridge', 'apart']) {
      const victim = await attacking(net)
      const attacker = await attacking(net)
      console.log(net, await tries(attacker, advertise), (await victim.exec(['sh', '-c', 'ip -6 route; ip -6 addr; cat /proc/sys/net/ipv6/conf/eth0/accept_ra'])).stdout)
      const four = await engine.networks.get('four')
      if (net !== 'four') {
        await four.connect(victim)
        await four.connect(attacker)
        console.log('live', await tries(attacker, advertise.replaceAll('own_mac()', "own_mac('eth1')").replaceAll('raw()', "raw('eth1')")), (await victim.exec(['sh', '-c', 'ip -6 route; ip -6 addr; cat /proc/sys/net/ipv6/conf/eth1/accept_ra'])).stdout)
      }
    }
  }, 200000)
})
