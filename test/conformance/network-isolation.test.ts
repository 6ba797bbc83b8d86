import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine, RunBuilder } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { listening } from '../support/reach.js'
import { Terminal } from '../support/terminal.js'

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
import os, select, socket, struct, sys, threading, time
patience = 1
def together(*tries):
    found = [None] * len(tries)
    def run(at): found[at] = tries[at]()
    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(tries))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return found
def tcp(address, port=80):
    client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    client.settimeout(patience)
    try:
        client.connect((address, port))
        return client.recv(64).decode() or 'nothing'
    except OSError as error:
        return type(error).__name__
def udp(address, port=80):
    client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(patience)
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
`

/** Says that it is a router to all neighbours on an interface. */
const advertise = (name: string) => `
payload = bytes([134, 0, 0, 0, 64, 0]) + struct.pack('!HII', 1800, 0, 0)
payload += bytes([3, 4, 64, 0xc0]) + struct.pack('!III', 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
payload += bytes([1, 1]) + own_mac('${name}')
source = socket.inet_pton(socket.AF_INET6, 'fe80::bad')
group = socket.inet_pton(socket.AF_INET6, 'ff02::1')
pseudo = source + group + struct.pack('!II', len(payload), 58)
payload = payload[:2] + struct.pack('!H', checksum(pseudo + payload)) + payload[4:]
header = struct.pack('!IHBB', 6 << 28, len(payload), 58, 255) + source + group
for i in range(3): raw('${name}').send(mac('33:33:00:00:00:01') + own_mac('${name}') + b'\\x86\\xdd' + header + payload)
`

/** A datagram to the host from each of these addresses. */
const forge = (gateway: string, port: number, sources: readonly string[]) => `
forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for source in ${JSON.stringify(sources)}:
    text = source.encode()
    datagram = struct.pack('!HHHH', 4000, ${port}, 8 + len(text), 0) + text
    header = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0)
    forger.sendto(header + socket.inet_aton(source) + socket.inet_aton('${gateway}') + datagram, ('${gateway}', 0))
`

/** Frames with a mark of ours to one neighbour and to all: tagged, untagged, and of no protocol that there is. */
const shout = (neighbour: string) => `
link = raw()
for i in range(20):
    for to in ['${neighbour}', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb', '33:33:00:00:00:01']:
        for kind in [b'\\x81\\x00\\x00\\x05\\x08\\x00', b'\\x88\\xa8\\x00\\x05\\x08\\x00', b'\\x88\\xb5', b'\\x86\\xdd']:
            link.send(mac(to) + own_mac() + kind + b'this is from a neighbour' + bytes(40))
    time.sleep(0.05)
`
/** As long as nobody ends its input. */
const hear = `
link = raw()
heard = 0
print('listening', flush=True)
while True:
    ready = select.select([link, sys.stdin], [], [])[0]
    if link not in ready: break
    heard += b'this is from a neighbour' in link.recv(2048)
print('heard' if heard else 'silence')
`

let host: TestEngine
let engine: Engine
/** By network: who says the network's name to those who reach him, at the address .2, and who tries, at .3. */
const servers = new Map<string, Container>()
const attackers = new Map<string, Container>()
const withoutIcc = { 'com.docker.network.bridge.enable_icc': 'false' }

beforeAll(async () => {
  host = await testEngine(['nettools'])
  engine = host.engine
  const { networks } = engine
  await networks.create('red', { ipv6: true, subnet: ['10.61.0.0/24', 'fd61::/64'] })
  await networks.create('blue', { ipv6: true, subnet: ['10.62.0.0/24', 'fd62::/64'] })
  await networks.create('inside', { ipv6: true, internal: true, subnet: ['10.63.0.0/24', 'fd63::/64'] })
  await networks.create('apart', { ipv6: true, option: withoutIcc, subnet: ['10.64.0.0/24', 'fd64::/64'] })
  await networks.create('plain', { subnet: '10.65.0.0/24' })
  await serve('red', serving('red', 'red').publish('127.0.0.1:9000:80', '[::1]:9001:80', '8000:80', '8000:80/udp'))
  await serve('blue', serving('blue', 'blue'))
  await serve('inside', serving('inside', 'inside'))
  await serve('apart', serving('apart', 'apart'))
  await serve('plain', serving('plain', 'plain').publish('8400:80', '8400:80/udp', '[::]:8401:80'))
  for (const name of servers.keys()) attackers.set(name, await attacking(name).capAdd('NET_ADMIN'))
})
afterAll(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

async function serve(network: string, run: RunBuilder): Promise<void> {
  servers.set(network, await listening(await run.name(`server-${network}`), 80))
}

const serving = (name: string, network: string): RunBuilder =>
  engine.run('nettools', ['python3', '-c', server]).env({ NAME: name }).network(network)

/** Root with the default capabilities, NET_RAW among them. */
const attacking = (network: string): RunBuilder => engine.run('nettools', ['sleep', '1000']).network(network)

/** What a Python program says that has the tools, in words. */
async function tries(container: Container | undefined, program: string): Promise<string[]> {
  const result = await container?.exec(['python3', '-c', `${tools}\n${program}`])
  return `${result?.stdout}${result?.stderr}`.trim().split(/\s+/)
}
/** Waits longer for what should come than for what should not. */
const hoping = (program: string) => `patience = 15\n${program}`
/** What comes of each of these, at once: most of them wait. */
const eachOf = (...probes: readonly string[]) => `print(*together(${probes.map((one) => `lambda: ${one}`).join()}))`
const shell = async (container: Container | undefined, script: string) =>
  (await container?.exec(['sh', '-c', script]))?.stdout ?? ''

const macOf = async (container: Container | undefined) =>
  (await shell(container, 'cat /sys/class/net/eth0/address')).trim()

const unreachable = 'TimeoutError'

describe('a container', () => {
  test('reaches its neighbours, so that what follows means something', async () => {
    const found = await tries(
      attackers.get('red'),
      hoping(eachOf("tcp('10.61.0.2')", "tcp('fd61::2')", "udp('10.61.0.2')", "udp('fd61::2')")),
    )
    expect(found).toEqual(['red', 'red', 'red', 'red'])
  })

  test.each([
    ['red', 'blue', 62],
    ['blue', 'red', 61],
    ['red', 'inside', 63],
    ['inside', 'red', 61],
    ['red', 'apart', 64],
    ['apart', 'red', 61],
  ])('of %s does not reach one of %s by its addresses, whatever it routes', async (from, _to, subnet) => {
    const own = { red: 61, blue: 62, inside: 63, apart: 64 }[from]
    const routes = `ip route replace default via 10.${own}.0.1; ip -6 route replace default via fd${own}::1`
    const addresses = [`'10.${subnet}.0.2'`, `'fd${subnet}::2'`]
    const probes = addresses.flatMap((address) => [`tcp(${address})`, `udp(${address})`])
    const found = await tries(attackers.get(from), `os.system('${routes}')\n${eachOf(...probes)}`)
    expect(found).toEqual([unreachable, unreachable, unreachable, unreachable])
  })

  test('does not reach another network by a route that it gives its packets', async () => {
    const routed = `
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.setsockopt(0, 4, b'\\x83\\x07\\x04' + socket.inet_aton('10.61.0.1') + b'\\x00')
client.sendto(b'?', ('10.62.0.2', 80))
try: print(client.recv(64).decode())
except OSError as error: print(type(error).__name__)`
    expect(await tries(attackers.get('red'), routed)).toEqual([unreachable])
  })

  test('sends the host nothing from an address that is not of its network', async () => {
    const socket = createSocket('udp4').bind(7000)
    await once(socket, 'listening')
    const received = once(socket, 'message')
    const sources = [
      '127.0.0.1',
      '127.0.0.11',
      '10.61.0.1',
      '10.62.0.2',
      '198.51.100.7',
      '255.255.255.255',
      '10.61.0.3',
    ]
    await tries(attackers.get('red'), forge('10.61.0.1', 7000, sources))
    const [message] = (await received) as [Buffer]
    socket.close()
    expect(message.toString()).toBe('10.61.0.3')
  })

  test('does not take the place of the host on its bridge', async () => {
    const frames = `
bridge = mac('02:42:0a:3d:00:01')
link = raw()
for i in range(200): link.send(mac('ff:ff:ff:ff:ff:ff') + bridge + b'\\x88\\xb5' + bytes(46))`
    await tries(attackers.get('red'), frames)
    expect(await tries(await attacking('red').rm(), hoping("print(tcp('10.61.0.1', 8000))"))).toEqual(['red'])
  })

  test('is told by no neighbour where its routes lead, on no interface', async () => {
    const victim = await attacking('plain').privileged()
    await (await engine.networks.get('red')).connect(victim)
    await tries(attackers.get('red'), advertise('eth0'))
    const before = await shell(victim, 'ip -6 route')
    // It would be, if it wanted to.
    await shell(victim, 'echo 1 >/proc/sys/net/ipv6/conf/eth1/accept_ra')
    await tries(attackers.get('red'), advertise('eth0'))
    await expect.poll(() => shell(victim, 'ip -6 route')).toContain('2001:db8:bad::')
    expect(before).not.toContain('2001:db8:bad::')
  })

  test('does not reach what is published on loopback addresses', async () => {
    const program = eachOf("tcp('10.61.0.1', 9000)", "tcp('fd61::1', 9001)", "tcp('10.62.0.1', 9000)")
    expect(await tries(attackers.get('red'), program)).toEqual(Array(3).fill('ConnectionRefusedError'))
  })
})

describe('a container that shares the network of one that has ended', () => {
  test('has no part in it any more, also where the other was connected while it ran', async () => {
    const owner = await attacking('plain').name('owner')
    await (await engine.networks.get('red')).connect(owner)
    const sharing = await attacking('container:owner').name('sharing')
    const ask = eachOf("tcp('10.61.0.1', 8000)", "tcp('10.61.0.2')", "tcp('10.65.0.2')")
    const before = await tries(sharing, hoping(ask))
    await owner.kill()
    await owner.wait()
    const after = await tries(sharing, ask)
    await remove('sharing', 'owner')
    expect(before).toEqual(['red', 'red', 'plain'])
    expect(after).toEqual(Array(3).fill(expect.stringMatching(/^(Timeout|OS)Error$/)))
  })
})

describe('a container on an internal network', () => {
  test('reaches no port that others publish, also where a program carries connections to them', async () => {
    const by = (subnet: number) => [
      `tcp('fd${subnet}::1', 8401)`,
      `tcp('fd${subnet}::1', 8400)`,
      `udp('fd${subnet}::1', 8400)`,
      `tcp('10.${subnet}.0.1', 8400)`,
    ]
    expect(await tries(attackers.get('red'), hoping(eachOf(...by(61))))).toEqual(['plain', 'plain', 'plain', 'plain'])
    const routes = 'ip route replace default via 10.63.0.1; ip -6 route replace default via fd63::1'
    const found = await tries(attackers.get('inside'), `os.system('${routes}')\n${eachOf(...by(63), ...by(61))}`)
    expect(new Set(found)).toEqual(new Set([unreachable]))
  })
})

describe('a container on a network without icc', () => {
  test('does not reach its neighbour by its addresses, nor by its hardware address', async () => {
    const neighbour = await macOf(servers.get('apart'))
    const ask = eachOf("tcp('10.64.0.2')", "tcp('fd64::2')", "udp('10.64.0.2')")
    const asked = await tries(attackers.get('apart'), ask)
    const known = `ip neigh replace 10.64.0.2 lladdr ${neighbour} dev eth0; ip neigh replace fd64::2 lladdr ${neighbour} dev eth0`
    const direct = await tries(attackers.get('apart'), `os.system('${known}')\n${ask}`)
    await shell(
      attackers.get('apart'),
      'ip neigh flush dev eth0; ip neigh del 10.64.0.2 dev eth0; ip neigh del fd64::2 dev eth0',
    )
    expect(asked).toEqual([unreachable, expect.stringMatching(/^(Timeout|OS)Error$/), unreachable])
    expect(direct).toEqual([unreachable, unreachable, unreachable])
  })

  test('is heard by no neighbour, whatever its frames are', async () => {
    const heardBy = async (network: string) => {
      const address = await macOf(servers.get(network))
      const program = ['python3', '-c', `${tools}\n${hear}`]
      const hearing = await (servers.get(network) as Container).exec(program).interactive().start()
      const terminal = new Terminal(hearing)
      await terminal.until('listening\n')
      await tries(attackers.get(network), shout(address))
      hearing.stdin.end()
      return terminal.rest()
    }
    expect(await Promise.all([heardBy('red'), heardBy('apart')])).toEqual(['heard\n', 'silence\n'])
  })

  test('is not taken for the one that had its address, and was linked', async () => {
    const target = () => serving('target', 'apart').ip('10.64.0.40').name('target').expose('80/udp')
    const source = () => attacking('apart').ip('10.64.0.41').name('source')
    const ask = `
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(('', 5000))
client.settimeout(patience)
client.sendto(b'?', ('10.64.0.40', 80))
try: print(client.recv(64).decode())
except OSError as error: print(type(error).__name__)`
    await listening(await target(), 80)
    const linked = await tries(await source().link('target'), hoping(ask))
    await remove('source', 'target')
    await listening(await target(), 80)
    const stranger = await tries(await source(), ask)
    await remove('source', 'target')
    expect([linked, stranger]).toEqual([['target'], [unreachable]])
  })
})

describe('a published port of UDP', () => {
  test('leads who goes on sending to the container that has it now', async () => {
    const sender = createSocket('udp4').bind(0)
    const ask = async () => {
      const answer = once(sender, 'message', { signal: AbortSignal.timeout(20_000) })
      sender.send('?', 8500, '127.0.0.1')
      return String((await answer)[0])
    }
    await listening(await serving('first', 'red').name('first').ip('10.61.0.50').publish('8500:80/udp'), 80)
    const before = await ask()
    await remove('first')
    await listening(await serving('second', 'red').name('second').ip('10.61.0.51').publish('8500:80/udp'), 80)
    const after = await ask()
    sender.close()
    await remove('second')
    expect([before, after]).toEqual(['first', 'second'])
  })
})

async function remove(...names: readonly string[]): Promise<void> {
  for (const name of names) await (await engine.containers.get(name)).remove({ force: true })
}

describe('a resolver', () => {
  const dig = (container: Container | undefined, ...question: string[]) =>
    shell(container, `dig +short +tries=1 +time=2 ${question.join(' ')}`)

  test('answers for neighbours, and for nobody on a network that the container is not on', async () => {
    const red = attackers.get('red')
    const known = [await dig(red, '+time=15', 'server-red'), await dig(red, '+time=15', '-x 10.61.0.2')]
    const foreign = await Promise.all(['server-blue', 'server-blue.blue', '-x 10.62.0.2'].map((who) => dig(red, who)))
    expect(known).toEqual(['10.61.0.2\n', 'server-red.red.\n'])
    expect(foreign.join()).not.toMatch(/^10\.62|server-blue/m)
  })

  test('is asked by nobody but its own container', async () => {
    const stranger = await attacking('red').privileged()
    const roundabout = `ip addr del 127.0.0.1/8 dev lo; echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
      ip route add 127.0.0.11/32 via 10.61.0.2; echo prepared`
    const found = await shell(
      stranger,
      `${roundabout}; dig +tries=1 +time=1 @127.0.0.11 server-red; dig +tries=1 +time=1 @10.61.0.2 server-red`,
    )
    expect(found).toContain('prepared')
    expect(found).not.toContain('ANSWER')
  })

  test('that is flooded by its container keeps neither the engine nor the neighbours from theirs', async () => {
    const flood = `
end = time.monotonic() + 4
held = []
flooder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
query = b'\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x04evil\\x07example\\x00\\x00\\x01\\x00\\x01'
while time.monotonic() < end:
    for data in [query, os.urandom(40), b'', query[:20], bytes(12), query + os.urandom(400)]: flooder.sendto(data, ('127.0.0.11', 53))
    if len(held) < 900:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(('127.0.0.11', 53))
        held.append(client)
print('flooded')`
    const flooding = tries(await attacking('red').rm(), flood)
    const meanwhile = await dig(attackers.get('red'), '+time=15', 'server-red')
    const { stdout } = await engine.run('nettools', ['dig', '+short', 'server-red']).network('red').rm().output()
    expect(await flooding).toEqual(['flooded'])
    expect([meanwhile, stdout]).toEqual(['10.61.0.2\n', '10.61.0.2\n'])
  })
})

describe('a network', () => {
  const name = (bridge: string) => ({ option: { 'com.docker.network.bridge.name': bridge } })
  const mtu = (bytes: string) => ({ option: { 'com.docker.network.driver.mtu': bytes } })

  test.each([
    name('a/b'),
    name('..'),
    name('all'),
    name('default'),
    name('br-%d'),
    name('a b'),
    name('\u0001'),
    name('éééééééé'),
    { driver: 'macvlan', option: { parent: '../all' } },
    { driver: 'macvlan', option: { parent: 'lo' } },
    { ...mtu('1279'), ipv6: true },
    mtu('67'),
    { subnet: '0.0.0.0/0' },
    { subnet: '128.0.0.0/1' },
    { subnet: '127.5.0.0/16' },
    { subnet: '239.1.0.0/16' },
    { subnet: '::/0', ipv6: true },
    { subnet: '::1/128', ipv6: true },
    { subnet: 'fe80::/64', ipv6: true },
    { subnet: 'ff02::/64', ipv6: true },
    { subnet: '::ffff:127.0.0.0/104', ipv6: true },
  ])('with %j is refused', async (options) => {
    await expect(engine.networks.create('hostile', options)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('with the least MTU that there is carries packets', async () => {
    const small = await engine.networks.create('small', mtu('68'))
    const { stdout } = await engine
      .run('nettools', [
        'sh',
        '-c',
        `cat /sys/class/net/eth0/mtu; ping -c1 -W1 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')`,
      ])
      .network('small')
      .rm()
      .output()
    await small.remove()
    expect(stdout).toMatch(/^68\n.* 0% packet loss/s)
  })
})

test('more ports than a container holds are refused, with what to do', async () => {
  const asked = engine.run('nettools', ['true']).rm().publish('9000-9999:9000-9999')
  await expect(asked).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringContaining('they need 2000 sockets, and a container holds 768: publish fewer'),
  })
})
