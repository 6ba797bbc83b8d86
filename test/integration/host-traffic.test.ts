import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/network/address.js'
import type { HostNetwork } from '../../src/network/host-network-types.js'
import type { PublishedPort } from '../../src/network/ruleset.js'
import { endpoint, network, TestHost, wanted } from '../support/host-network.js'

const unreachable = 'TimeoutError'
const refused = 'ConnectionRefusedError'
const one = network(1)
const two = network(2)
const internal = network(3, { internal: true })
const lonely = network(4, { icc: false })

let host: TestHost
let root: HostNetwork
/** Two on `one`, one on `two`, two on `internal`, two on `lonely`; two who are not on this host, but on cables to it. */
const on: Record<'a' | 'b' | 'c' | 'i' | 'j' | 'x' | 'y' | 'outside' | 'beyond', number> = {
  a: 0,
  b: 0,
  c: 0,
  i: 0,
  j: 0,
  x: 0,
  y: 0,
  outside: 0,
  beyond: 0,
}

const connect = (from: number, address: string, port = 80) => host.namespaces.connect(from, address, port)
/** Where somebody answers for sure. */
const reach = (from: number, address: string, port = 80) => host.namespaces.connect(from, address, port, 5)

function port(hostAddress: string, hostPort: number, address: string): PublishedPort {
  return {
    protocol: 'tcp',
    hostAddress: parseAddress(hostAddress),
    hostPort,
    address: parseAddress(address),
    port: 80,
  }
}

const ports = [
  port('0.0.0.0', 8080, '172.21.0.2'),
  port('::', 8080, 'fd00:1::2'),
  port('127.0.0.1', 8081, '172.21.0.2'),
]

beforeAll(async () => {
  host = await TestHost.start()
  root = host.root('0011aabb')
  on.outside = await host.outside(2)
  on.beyond = await host.outside(3)
  await host.shell('echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding')
  // As another engine leaves it; and who routes for it drops what it does not know.
  await host.shell('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP')
  for (const each of [one, two, internal, lonely]) await root.create(each)
  on.a = await host.server(root, endpoint(one, 2))
  on.b = await host.server(root, endpoint(one, 3))
  on.c = await host.server(root, endpoint(two, 2))
  on.i = await host.server(root, endpoint(internal, 2))
  on.j = await host.server(root, endpoint(internal, 3))
  on.x = await host.server(root, endpoint(lonely, 2))
  on.y = await host.server(root, endpoint(lonely, 3))
  await root.publish(ports)
  await host.namespaces.listen(host.here, '127.0.0.1', 90)
  await host.namespaces.listen(host.here, '172.22.0.1', 91)
})
afterAll(async () => {
  await root.clear([one, two, internal, lonely])
  await host.clean()
  await host[Symbol.asyncDispose]()
})

describe('a container on a bridge, where others drop what is forwarded', () => {
  it('reaches its neighbours and the outside over both families', async () => {
    expect(await reach(on.b, '172.21.0.2')).toBe('172.21.0.3')
    expect(await reach(on.b, 'fd00:1::2')).toBe('fd00:1::3')
    expect(await reach(on.b, '192.0.2.2')).toBe('192.0.2.1')
    expect(await reach(on.b, '2001:db8:2::2')).toBe('2001:db8:2::1')
  })

  it('is reached by no container of another bridge, in no direction', async () => {
    expect(await connect(on.c, '172.21.0.2')).toBe(unreachable)
    expect(await connect(on.c, 'fd00:1::2')).toBe(unreachable)
    expect(await connect(on.a, '172.22.0.2')).toBe(unreachable)
    expect(await connect(on.a, 'fd00:2::2')).toBe(unreachable)
  })

  it('is reached by nobody outside who has a route to it', async () => {
    expect(await connect(on.outside, '172.21.0.2')).toBe(unreachable)
    expect(await connect(on.outside, 'fd00:1::2')).toBe(unreachable)
  })

  it('reaches of the other bridge only what the host itself serves on its address', async () => {
    expect(await reach(on.a, '172.22.0.1', 91)).toBe('172.21.0.2')
    expect(await reach(on.a, '172.22.0.1', 92)).toBe(refused)
  })
})

describe('the host', () => {
  it('forwards nothing for others, although it was made a router', async () => {
    expect(await host.shell('cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding')).toBe('1\n1\n')
    await host.shell('iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT')
    expect(await connect(on.outside, '192.0.3.2')).toBe(unreachable)
    expect(await connect(on.outside, '2001:db8:3::2')).toBe(unreachable)
    expect(await reach(on.b, '192.0.3.2')).toBe('192.0.3.1')
    await host.shell('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP')
  })

  it('shows nobody what it serves on its loopback interface, nor the ports published there', async () => {
    await host.namespaces.run(on.c, 'sh', '-ec', lookForLoopback('172.22.0.1'))
    await host.namespaces.run(on.outside, 'sh', '-ec', lookForLoopback('192.0.2.1'))
    expect(await connect(on.c, '127.0.0.1', 90)).toBe(unreachable)
    expect(await connect(on.c, '127.0.0.1', 8081)).toBe(unreachable)
    expect(await connect(on.outside, '127.0.0.1', 90)).toBe(unreachable)
    expect(await connect(on.outside, '127.0.0.1', 8081)).toBe(unreachable)
    // It is the rules that keep them out.
    await host.shell('nft flush chain inet inboard-0011aabb raw')
    expect(await reach(on.c, '127.0.0.1', 90)).toBe('172.22.0.2')
    await root.reload(() => ({ ...wanted(one, two, internal, lonely), ports }))
    expect(await connect(on.c, '127.0.0.1', 90)).toBe(unreachable)
  })

  it('drops what has an address of another network', async () => {
    expect(await firstOf('172.21.0.1', ['172.22.0.2', '172.21.0.2'])).toBe('from 172.21.0.2')
    expect(await firstOf('172.21.0.1', ['192.0.2.2', '172.21.0.2'])).toBe('from 172.21.0.2')
    expect(await firstOf('172.21.0.1', ['172.21.0.9', '172.21.0.2'])).toBe('from 172.21.0.9')
    expect(await firstOf('fd00:1::1', ['fd00:2::2', 'fd00:1::2'])).toBe('from fd00:1::2')
    expect(await firstOf('fd00:1::1', ['2001:db8:2::2', 'fd00:1::2'])).toBe('from fd00:1::2')
  })

  it('takes no routes from a container that says it is a router', async () => {
    await host.namespaces.run(on.a, 'python3', '-c', advertisement)
    expect(await host.shell('ip -6 route')).not.toContain('2001:db8:bad::')
    // It would have.
    await host.shell('echo 2 > /proc/sys/net/ipv6/conf/br-1/accept_ra')
    await host.namespaces.run(on.a, 'python3', '-c', advertisement)
    await expect.poll(() => host.shell('ip -6 route')).toContain('2001:db8:bad::')
    await host.shell('echo 0 > /proc/sys/net/ipv6/conf/br-1/accept_ra; ip -6 route flush 2001:db8:bad::/64')
  })
})

describe('a published port', () => {
  it('is reached from outside, which the container sees', async () => {
    expect(await reach(on.outside, '192.0.2.1', 8080)).toBe('192.0.2.2')
    expect(await reach(on.outside, '2001:db8:2::1', 8080)).toBe('2001:db8:2::2')
  })

  it('is reached from the host, from neighbours, from other networks, and from its own container', async () => {
    expect(await reach(host.here, '127.0.0.1', 8080)).toBe('172.21.0.1')
    expect(await reach(host.here, '127.0.0.1', 8081)).toBe('172.21.0.1')
    expect(await reach(host.here, '2001:db8:2::1', 8080)).toBe('2001:db8:2::1')
    expect(await reach(on.b, '192.0.2.1', 8080)).toBe('172.21.0.1')
    expect(await reach(on.c, '172.21.0.1', 8080)).toBe('172.21.0.1')
    expect(await reach(on.a, '172.21.0.1', 8080)).toBe('172.21.0.1')
    expect(await reach(on.a, 'fd00:1::1', 8080)).toBe('fd00:1::1')
  })

  it('leads to another container once that has it, and nowhere once it is taken away', async () => {
    await root.publish([port('0.0.0.0', 8082, '172.21.0.2')])
    await root.publish([port('0.0.0.0', 8082, '172.22.0.2')])
    expect(await reach(host.here, '127.0.0.1', 8082)).toBe('172.22.0.1')
    await root.unpublish([port('0.0.0.0', 8083, '172.22.0.2'), port('0.0.0.0', 8082, '172.22.0.2')])
    expect(await reach(host.here, '192.0.2.1', 8082)).toBe(refused)
  })
})

describe('a container on an internal network', () => {
  it('reaches its neighbours', async () => {
    expect(await reach(on.i, '172.23.0.3')).toBe('172.23.0.2')
    expect(await reach(on.i, 'fd00:3::3')).toBe('fd00:3::2')
  })

  it('reaches nothing outside, whatever it routes; of the host, what that serves on its addresses', async () => {
    await host.namespaces.run(
      on.i,
      'sh',
      '-ec',
      'ip route add default via 172.23.0.1; ip route add default via fd00:3::1',
    )
    expect(await connect(on.i, '192.0.2.2')).toBe(unreachable)
    expect(await connect(on.i, '2001:db8:2::2')).toBe(unreachable)
    expect(await connect(on.i, '172.21.0.2')).toBe(unreachable)
    expect(await connect(on.i, '192.0.2.1', 8080)).toBe(unreachable)
    expect(await reach(on.i, '172.22.0.1', 91)).toBe('172.23.0.2')
  })

  it('is reached by nobody else', async () => {
    expect(await connect(on.a, '172.23.0.2')).toBe(unreachable)
    expect(await connect(on.outside, 'fd00:3::2')).toBe(unreachable)
  })
})

describe('a container on a network without icc', () => {
  it('reaches the outside, but of its neighbours only linked ports', async () => {
    const [from, to] = [parseAddress('172.24.0.2'), parseAddress('172.24.0.3')]
    const links = [{ from, to, protocol: 'tcp' as const, port: 80 }]
    expect(await reach(on.x, '192.0.2.2')).toBe('192.0.2.1')
    expect(await connect(on.x, '172.24.0.3')).toBe(unreachable)
    await root.openLinks(links)
    expect(await reach(on.x, '172.24.0.3')).toBe('172.24.0.2')
    expect(await connect(on.y, '172.24.0.2')).toBe(unreachable)
    await root.closeLinks(links)
    expect(await connect(on.x, '172.24.0.3')).toBe(unreachable)
    expect(await connect(on.x, 'fd00:4::3')).not.toBe('fd00:4::2')
  })
})

/** Sends what is for the loopback interface to the host. */
function lookForLoopback(gateway: string): string {
  const own = 'ip address del 127.0.0.1/8 dev lo; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'
  return `${own}; ip route add 127.0.0.0/8 via ${gateway}`
}

/** Which of several datagrams that are sent in order, with these sources, comes first to the host. */
async function firstOf(to: string, sources: readonly string[]): Promise<string> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4')
  socket.bind(9, to)
  await once(socket, 'listening')
  const arrived = once(socket, 'message')
  for (const source of sources) await host.namespaces.run(on.a, 'python3', '-c', forgery, source, to)
  const [text] = await arrived
  socket.close()
  return String(text)
}

/** Sends a datagram, that says where it claims to be from, to port 9. */
const forgery = `
import socket, struct, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
source, to = (socket.inet_pton(family, text) for text in sys.argv[1:])
text = b'from ' + sys.argv[1].encode()
length = 8 + len(text)

def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff

pseudo = source + to + struct.pack('!II', length, 17)
udp = struct.pack('!HHH', 9999, 9, length)
udp += struct.pack('!H', checksum(pseudo + udp + bytes(2) + text)) + text
four = struct.pack('!BBHHHBBH', 0x45, 0, 20 + length, 0, 0, 64, 17, 0)
six = struct.pack('!IHBB', 0x60000000, length, 17, 64)
packet = (four if family == socket.AF_INET else six) + source + to + udp
socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW).sendto(packet, (sys.argv[2], 0))
`

/** Says to all on the link that there is a way out here, and a prefix to have addresses of. */
const advertisement = `
import socket, struct
prefix = socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
option = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 3600, 0) + prefix
message = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + option
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex('eth0')
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
sender.sendto(message, ('ff02::1', 0, 0, index))
`
