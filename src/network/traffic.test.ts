import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { macOf, parseAddress } from './address.js'
import { checkObeyed, dumped } from './answers.js'
import { Namespaces, NETLINK_NETFILTER, NETLINK_ROUTE } from './fixture.js'
import { dumpLinks, readLinks } from './host-records.js'
import { createBridge, createVeth, raiseLink, raiseLoopbackLink } from './links.js'
import type { Message } from './messages.js'
import { transaction } from './nftables.js'
import { replaceMessages } from './plan-batches.js'
import { addAddress, addRoute, everywhere } from './routes.js'
import { addNetworkRules, createRuleset, linkElements, type NetworkRules, portElements } from './ruleset.js'
import { parseSubnet } from './subnet.js'

const table = 'inboard-0011aabb'
const unreachable = 'TimeoutError'

let namespaces: Namespaces
/** A host with four networks, and a neighbour of it on the uplink 192.0.2.0/24 who routes to its containers. */
let host: number
let outside: number
/** Two on br0, one on br1, two on the internal br2, two on br3, which has no icc. */
const containers: Record<'a' | 'b' | 'c' | 'i' | 'j' | 'x' | 'y', number> = { a: 0, b: 0, c: 0, i: 0, j: 0, x: 0, y: 0 }

async function route(namespace: number, ...messages: Message[]): Promise<void> {
  checkObeyed('test', await namespaces.send(namespace, NETLINK_ROUTE, messages))
}

async function filter(...messages: Message[]): Promise<void> {
  checkObeyed('test', await namespaces.send(host, NETLINK_NETFILTER, transaction(messages)))
}

async function indexOf(namespace: number, name: string): Promise<number> {
  const answers = dumped('test', await namespaces.send(namespace, NETLINK_ROUTE, [dumpLinks()]))
  return readLinks(answers ?? []).find((link) => link.name === name)?.index ?? expect.fail(`no interface ${name}`)
}

async function sysctl(namespace: number, path: string, value = 1): Promise<void> {
  const { status, stderr } = await namespaces.run(namespace, 'sh', '-c', `echo ${value} > /proc/sys/net/${path}`)
  expect(stderr).toBe('')
  expect(status).toBe(0)
}

async function network(at: number, options: Partial<NetworkRules> = {}): Promise<number> {
  const bridge = `br${at}`
  const subnets = [parseSubnet(`172.${17 + at}.0.0/16`), parseSubnet(`fd0${at}::/64`)]
  await route(host, ...createBridge({ name: bridge, ipv6: false }))
  const index = await indexOf(host, bridge)
  const gateway6 = addAddress(index, parseAddress(`fd0${at}::1`), 64)
  await route(host, addAddress(index, parseAddress(`172.${17 + at}.0.1`), 16), gateway6)
  // Without a link-local address the host could not ask for its neighbours on behalf of those it forwards for.
  await route(host, addAddress(index, parseAddress('fe80::1'), 64))
  await sysctl(host, `ipv4/conf/${bridge}/route_localnet`)
  if (options.icc === false) {
    await sysctl(host, `ipv4/conf/${bridge}/proxy_arp_pvlan`)
    await sysctl(host, `ipv4/neigh/${bridge}/proxy_delay`, 0)
  }
  await filter(...addNetworkRules(table, { bridge, subnets, internal: false, icc: true, masquerade: true, ...options }))
  return index
}

/** A container with the address .last of a network, that serves port 80. */
async function container(bridge: number, at: number, last: number, isolated = false): Promise<number> {
  const namespace = await namespaces.make()
  const address = parseAddress(`172.${17 + at}.0.${last}`)
  const peer = { name: 'eth0', namespace, mac: macOf(address) }
  await route(
    host,
    ...createVeth({ name: `veth${at}-${last}`, master: bridge, ipv6: false, isolated, hairpin: true, peer }),
  )
  const index = await indexOf(namespace, 'eth0')
  await route(namespace, ...raiseLink(index, false), addAddress(index, address, 16))
  await route(namespace, addAddress(index, parseAddress(`fd0${at}::${last}`), 64))
  await route(namespace, addRoute({ destination: everywhere(4), gateway: parseAddress(`172.${17 + at}.0.1`) }))
  await route(namespace, addRoute({ destination: everywhere(6), gateway: parseAddress(`fd0${at}::1`) }))
  await namespaces.listen(namespace, `172.${17 + at}.0.${last}`, 80)
  await namespaces.listen(namespace, `fd0${at}::${last}`, 80)
  return namespace
}

async function uplink(): Promise<void> {
  await route(host, ...createBridge({ name: 'uplink', ipv6: false }))
  const bridge = await indexOf(host, 'uplink')
  await route(host, addAddress(bridge, parseAddress('fe80::1'), 64))
  await route(
    host,
    addAddress(bridge, parseAddress('192.0.2.1'), 24),
    addAddress(bridge, parseAddress('2001:db8::1'), 64),
  )
  await route(
    host,
    ...createVeth({ name: 'wire', master: bridge, ipv6: false, peer: { name: 'eth0', namespace: outside } }),
  )
  const index = await indexOf(outside, 'eth0')
  await route(outside, ...raiseLink(index, false), addAddress(index, parseAddress('192.0.2.2'), 24))
  await route(outside, addAddress(index, parseAddress('2001:db8::2'), 64))
  await route(outside, addRoute({ destination: everywhere(4), gateway: parseAddress('192.0.2.1') }))
  await route(outside, addRoute({ destination: everywhere(6), gateway: parseAddress('2001:db8::1') }))
  await namespaces.listen(outside, '192.0.2.2', 80)
  await namespaces.listen(outside, '2001:db8::2', 80)
}

beforeAll(async () => {
  namespaces = Namespaces.start()
  host = await namespaces.make()
  outside = await namespaces.make()
  await route(host, raiseLoopbackLink())
  await sysctl(host, 'ipv4/ip_forward')
  await sysctl(host, 'ipv6/conf/all/forwarding')
  await filter(...createRuleset(table))
  await uplink()
  const br0 = await network(0)
  containers.a = await container(br0, 0, 2)
  containers.b = await container(br0, 0, 3)
  containers.c = await container(await network(1), 1, 2)
  const br2 = await network(2, { internal: true })
  containers.i = await container(br2, 2, 2)
  containers.j = await container(br2, 2, 3)
  const br3 = await network(3, { icc: false })
  containers.x = await container(br3, 3, 2, true)
  containers.y = await container(br3, 3, 3, true)
  const port = { protocol: 'tcp' as const, address: parseAddress('172.17.0.2'), port: 80 }
  await filter(
    ...replaceMessages(
      table,
      portElements([
        { ...port, hostAddress: parseAddress('0.0.0.0'), hostPort: 8080 },
        { ...port, hostAddress: parseAddress('127.0.0.1'), hostPort: 8081 },
        { ...port, hostAddress: parseAddress('::'), hostPort: 8080, address: parseAddress('fd00::2') },
      ]),
    ),
  )
})
afterAll(() => namespaces[Symbol.asyncDispose]())

describe('a container on a bridge', () => {
  it('reaches its neighbours as itself, and the outside with the address of the host', async () => {
    expect(await namespaces.connect(containers.b, '172.17.0.2', 80)).toBe('172.17.0.3')
    expect(await namespaces.connect(containers.b, 'fd00::2', 80)).toBe('fd00::3')
    expect(await namespaces.connect(containers.b, '192.0.2.2', 80)).toBe('192.0.2.1')
    expect(await namespaces.connect(containers.b, '2001:db8::2', 80)).toBe('2001:db8::1')
  })

  it('is reached neither from another bridge nor from outside, but by published ports', async () => {
    expect(await namespaces.connect(containers.c, '172.17.0.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.c, 'fd00::2', 80)).toBe(unreachable)
    expect(await namespaces.connect(outside, '172.17.0.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(outside, 'fd00::2', 80)).toBe(unreachable)
  })
})

describe('a published port', () => {
  it('is reached from outside, which the container sees', async () => {
    expect(await namespaces.connect(outside, '192.0.2.1', 8080)).toBe('192.0.2.2')
    expect(await namespaces.connect(outside, '2001:db8::1', 8080)).toBe('2001:db8::2')
  })

  it('is reached from the host by its addresses and its loopback interface', async () => {
    expect(await namespaces.connect(host, '192.0.2.1', 8080)).toMatch(/^(192\.0\.2\.1|172\.17\.0\.1)$/)
    expect(await namespaces.connect(host, '127.0.0.1', 8080)).toBe('172.17.0.1')
    expect(await namespaces.connect(host, '127.0.0.1', 8081)).toBe('172.17.0.1')
  })

  it('is reached from neighbours, from other bridges, and from the container itself', async () => {
    expect(await namespaces.connect(containers.b, '192.0.2.1', 8080)).toBe('172.17.0.1')
    expect(await namespaces.connect(containers.a, '172.17.0.1', 8080)).toBe('172.17.0.1')
    expect(await namespaces.connect(containers.b, '2001:db8::1', 8080)).toBe('fd00::1')
    expect(await namespaces.connect(containers.c, '192.0.2.1', 8080)).toBe('172.17.0.1')
  })

  it('is reached from neighbours and the container itself where bridged frames are not filtered, too', async () => {
    const knob = '/proc/sys/net/bridge/bridge-nf-call-iptables'
    await namespaces.run(host, 'sh', '-c', `[ ! -e ${knob} ] || echo 0 > ${knob}`)
    expect(await namespaces.connect(containers.b, '192.0.2.1', 8080)).toBe('172.17.0.1')
    expect(await namespaces.connect(containers.a, '172.17.0.1', 8080)).toBe('172.17.0.1')
    await namespaces.run(host, 'sh', '-c', `[ ! -e ${knob} ] || echo 1 > ${knob}`)
  })

  it('is not taken for the same port of somebody else', async () => {
    expect(await namespaces.connect(containers.b, '192.0.2.2', 8080)).toBe('ConnectionRefusedError')
  })

  it('on the loopback interface is reached by nobody else, whatever they route', async () => {
    for (const [namespace, gateway] of [
      [outside, '192.0.2.1'],
      [containers.c, '172.18.0.1'],
    ] as const) {
      await sysctl(namespace, 'ipv4/conf/all/route_localnet')
      await route(namespace, addRoute({ destination: parseSubnet('127.0.0.0/8'), gateway: parseAddress(gateway) }))
    }
    await sysctl(host, 'ipv4/conf/all/route_localnet')
    expect(await namespaces.connect(outside, '127.0.0.1', 8081)).toBe(unreachable)
    expect(await namespaces.connect(containers.c, '127.0.0.1', 8081)).toBe(unreachable)
    expect(await namespaces.connect(outside, '192.0.2.1', 8081)).toBe('ConnectionRefusedError')
    // What stands against it is one rule.
    await namespaces.run(host, 'nft', 'flush', 'chain', 'inet', table, 'raw')
    expect(await namespaces.connect(containers.c, '127.0.0.1', 8081)).toBe('172.17.0.1')
  })
})

describe('a container on an internal network', () => {
  it('reaches its neighbours, and nothing else; nothing else reaches it', async () => {
    expect(await namespaces.connect(containers.i, '172.19.0.3', 80)).toBe('172.19.0.2')
    expect(await namespaces.connect(containers.i, '192.0.2.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.i, '2001:db8::2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.i, '172.17.0.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.i, '192.0.2.1', 8080)).toBe(unreachable)
    expect(await namespaces.connect(outside, '172.19.0.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.a, '172.19.0.2', 80)).toBe(unreachable)
  })
})

describe('a container on a network without icc', () => {
  it('reaches the outside, but a neighbour only by a linked port', async () => {
    expect(await namespaces.connect(containers.x, '192.0.2.2', 80)).toBe('192.0.2.1')
    expect(await namespaces.connect(containers.x, '172.20.0.3', 80)).toBe(unreachable)
    const [from, to] = [parseAddress('172.20.0.2'), parseAddress('172.20.0.3')]
    await filter(...replaceMessages(table, linkElements([{ from, to, protocol: 'tcp', port: 80 }])))
    expect(await namespaces.connect(containers.x, '172.20.0.3', 80)).toBe('172.20.0.2')
    expect(await namespaces.connect(containers.y, '172.20.0.2', 80)).toBe(unreachable)
    expect(await namespaces.connect(containers.x, 'fd03::3', 80)).not.toBe('fd03::2')
  })
})
