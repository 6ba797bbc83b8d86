import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bridge } from '../../test/support/network-definition.js'
import { formatMac, macOf, parseAddress } from './address.js'
import { checkObeyed, dumped, readAnswers } from './answers.js'
import type { KernelNetwork, NetworkDefinition } from './definition.js'
import { defaultRouteStep, endpointSteps, loopbackSteps, quietSteps } from './endpoint-steps.js'
import { Namespaces, NETLINK_ROUTE } from './fixture.js'
import type { EndpointLink, NetlinkStep } from './host-network-types.js'
import { dumpLinks, readLinks } from './host-records.js'
import { createBridge, raiseLink } from './links.js'
import type { Message } from './messages.js'

const definition: NetworkDefinition = {
  ...bridge,
  subnets: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }],
  interface: 'br0',
}
const dual = [...definition.subnets, { subnet: 'fd00::/64', gateway: 'fd00::1' }]

const probe = 'ip link add one type veth peer name other && ip link add part link one type ipvlan'
const hasIpvlan = spawnSync('unshare', ['--net', 'sh', '-c', probe]).status === 0

let namespaces: Namespaces
let host: number
beforeAll(() => {
  namespaces = Namespaces.start()
})
afterAll(() => namespaces[Symbol.asyncDispose]())

async function route(namespace: number, ...messages: Message[]): Promise<void> {
  checkObeyed('test', await namespaces.send(namespace, NETLINK_ROUTE, messages))
}

async function hostWith(...messages: Message[]): Promise<void> {
  host = await namespaces.make()
  await route(host, ...messages)
}

function link(last: number, options: Partial<NetworkDefinition> = {}, ipv6?: string): EndpointLink {
  const network: KernelNetwork = { id: 'a'.repeat(64), definition: { ...definition, ...options } }
  const ipv4 = `172.17.0.${last}`
  const isBridge = network.definition.driver === 'bridge'
  const endpoint = {
    id: `${last}`.padStart(64, '0').split('').reverse().join(''),
    ipv4,
    ...(ipv6 && { ipv6 }),
    mac: formatMac(macOf(parseAddress(ipv4))),
    hostInterface: isBridge ? `veth${last}` : '',
    interface: 'eth0',
  }
  return { network, endpoint, defaultRoute: { ipv4: true, ipv6: true } }
}

/** As a supervisor performs it. */
async function perform(step: NetlinkStep, container: number): Promise<void> {
  const namespace = step.socket === 'host' ? host : container
  const links = readLinks(dumped('test', await namespaces.send(namespace, NETLINK_ROUTE, [dumpLinks()])) ?? [])
  const index = links.find(({ name }) => name === step.link)?.index ?? 0
  const bytes = Buffer.from(step.messages)
  for (const at of step.linkAt) bytes.writeUInt32LE(index, at)
  if (step.namespaceAt !== undefined) bytes.writeUInt32LE(container, step.namespaceAt)
  await route(namespace, ...readAnswers(bytes).map(({ type, flags, body }) => ({ type, flags, body })))
}

async function performAll(steps: readonly NetlinkStep[], container: number): Promise<void> {
  for (const step of steps) await perform(step, container)
}

async function containerOf(link: EndpointLink): Promise<number> {
  const container = await namespaces.make()
  await performAll([...loopbackSteps(), ...endpointSteps(link)], container)
  return container
}

interface Shown {
  readonly address: string
  readonly mtu: number
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly tentative?: boolean }[]
}

async function addressesOf(namespace: number, name: string): Promise<string[]> {
  const [shown] = await namespaces.json<Shown[]>(namespace, 'ip', '-j', 'address', 'show', 'dev', name)
  return shown?.addr_info.map(({ local, prefixlen, tentative = false }) => `${local}/${prefixlen} ${tentative}`) ?? []
}

async function portOf(name: string): Promise<Record<string, unknown>> {
  const ports = await namespaces.json<Record<string, unknown>[]>(host, 'bridge', '-j', '-d', 'link')
  return ports.find(({ ifname }) => ifname === name) ?? expect.fail(`no port ${name}`)
}

async function routesOf(namespace: number, family: '-4' | '-6'): Promise<string> {
  return (await namespaces.run(namespace, 'ip', family, 'route')).stdout
}

describe('endpointSteps of a bridge', () => {
  beforeAll(() => hostWith(...createBridge({ name: 'br0', ipv6: false })))

  it('makes eth0 with its addresses and routes, and a port of the bridge that allows hairpins', async () => {
    const container = await containerOf(link(2))
    expect(await addressesOf(container, 'eth0')).toEqual(['172.17.0.2/16 false'])
    expect(await addressesOf(container, 'lo')).toEqual(['127.0.0.1/8 false', '::1/128 false'])
    expect(await routesOf(container, '-4')).toContain('default via 172.17.0.1 dev eth0')
    expect(await portOf('veth2')).toMatchObject({ master: 'br0', hairpin: true, isolated: false })
  })

  it('gives eth0 its hardware address and both ends the MTU of the network', async () => {
    const container = await containerOf(link(3, { mtu: 1400 }))
    const shown = { address: '02:42:ac:11:00:03', mtu: 1400 }
    expect(await namespaces.json(container, 'ip', '-j', 'link', 'show', 'eth0')).toMatchObject([shown])
    expect(await namespaces.json(host, 'ip', '-j', 'link', 'show', 'veth3')).toMatchObject([{ mtu: 1400 }])
  })

  it('gives it IPv6 addresses that need not be probed, and the way out', async () => {
    const container = await containerOf(link(4, { ipv6: true, subnets: dual }, 'fd00::4'))
    expect(await addressesOf(container, 'eth0')).toEqual([
      '172.17.0.4/16 false',
      'fd00::4/64 false',
      'fe80::42:acff:fe11:4/64 false',
    ])
    expect(await routesOf(container, '-6')).toContain('default via fd00::1 dev eth0')
  })

  it('gives the host no address of its end', async () => {
    await containerOf(link(5))
    expect(await addressesOf(host, 'veth5')).toEqual([])
  })

  it('isolates ports from each other without icc', async () => {
    await containerOf(link(6, { icc: false }))
    expect(await portOf('veth6')).toMatchObject({ isolated: true })
  })

  it('gives no default route where there is no way out, nor where another endpoint has it', async () => {
    const inside = await containerOf(link(7, { internal: true }))
    const second = await containerOf({ ...link(8), defaultRoute: { ipv4: false, ipv6: false } })
    expect(await routesOf(inside, '-4')).not.toContain('default')
    expect(await routesOf(second, '-4')).not.toContain('default')
  })

  it('takes the default route from the endpoint that had it', async () => {
    const container = await containerOf(link(9))
    const other = { ...definition, subnets: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.254' }] }
    await performAll([defaultRouteStep(link(9, other)) ?? expect.fail('no step')], container)
    expect((await routesOf(container, '-4')).match(/default.*/g)).toEqual(['default via 172.17.0.254 dev eth0 '])
  })

  it('refuses an address that is in no subnet of the network', () => {
    const { network, endpoint, defaultRoute } = link(2)
    const elsewhere = { network, endpoint: { ...endpoint, ipv4: '10.0.0.2' }, defaultRoute }
    expect(() => endpointSteps(elsewhere)).toThrow('10.0.0.2 is in no subnet of the network')
  })
})

describe('quietSteps of a bridge', () => {
  it('makes the endpoint mute at once, whatever happens to its interface', async () => {
    await hostWith(...createBridge({ name: 'br0', ipv6: false }))
    const [one, other] = [link(2), link(3)]
    const [quiet, neighbour] = [await containerOf(one), await containerOf(other)]
    await namespaces.listen(quiet, '172.17.0.2', 80)
    expect(await namespaces.connect(neighbour, '172.17.0.2', 80)).toBe('172.17.0.3')
    await performAll(quietSteps(one), quiet)
    expect(await namespaces.connect(neighbour, '172.17.0.2', 80)).toBe('TimeoutError')
    expect(await portOf('veth2')).toMatchObject({ state: 'disabled' })
  })
})

/** An interface of the host's has the name that containers' have. */
async function hostWithParent(): Promise<void> {
  host = await namespaces.make()
  await namespaces.run(host, 'ip', 'link', 'add', 'parent', 'type', 'veth', 'peer', 'name', 'eth0')
  await route(host, ...raiseLink('parent', false), ...raiseLink('eth0', false))
}

describe('endpointSteps of macvlan', () => {
  const macvlan = { driver: 'macvlan', interface: 'parent', mode: 'bridge', masquerade: false } as const
  beforeAll(hostWithParent)

  it('makes parts of the parent, which reach each other until one is made mute', async () => {
    const [one, other] = [link(2, macvlan), link(3, macvlan)]
    const [server, client] = [await containerOf(one), await containerOf(other)]
    await namespaces.listen(server, '172.17.0.2', 80)
    expect(await namespaces.connect(client, '172.17.0.2', 80)).toBe('172.17.0.3')
    await performAll(quietSteps(one), server)
    expect(await namespaces.connect(client, '172.17.0.2', 80)).toBe('TimeoutError')
  })

  it('gives them addresses of both families, and the way out', async () => {
    const container = await containerOf(link(4, { ...macvlan, subnets: dual }, 'fd00::4'))
    expect(await addressesOf(container, 'eth0')).toEqual([
      '172.17.0.4/16 false',
      'fd00::4/64 false',
      'fe80::42:acff:fe11:4/64 false',
    ])
    expect(await routesOf(container, '-4')).toContain('default via 172.17.0.1 dev eth0')
    expect(await routesOf(container, '-6')).toContain('default via fd00::1 dev eth0')
  })

  it('keeps private ones from each other', async () => {
    const options = { ...macvlan, mode: 'private' }
    const server = await containerOf(link(5, options))
    const client = await containerOf(link(6, options))
    await namespaces.listen(server, '172.17.0.5', 80)
    expect(await namespaces.connect(client, '172.17.0.5', 80)).not.toBe('172.17.0.6')
  })
})

describe.skipIf(!hasIpvlan)('endpointSteps of ipvlan', () => {
  const ipvlan = { driver: 'ipvlan', interface: 'parent', mode: 'l2', masquerade: false } as const
  beforeAll(hostWithParent)

  it('makes parts of the parent, which reach each other', async () => {
    const server = await containerOf(link(2, ipvlan))
    const client = await containerOf(link(3, ipvlan))
    await namespaces.listen(server, '172.17.0.2', 80)
    expect(await namespaces.connect(client, '172.17.0.2', 80)).toBe('172.17.0.3')
    expect(await routesOf(client, '-4')).toContain('default via 172.17.0.1 dev eth0')
  })

  it('leads all out by the interface itself where the parent routes', async () => {
    const container = await containerOf(link(4, { ...ipvlan, mode: 'l3' }))
    expect(await routesOf(container, '-4')).toContain('default dev eth0')
  })
})

describe('endpointSteps of ipvlan and macvlan', () => {
  it('name a mode that the kernel does not have', () => {
    const mode = 'l4'
    const steps = (driver: 'ipvlan' | 'macvlan') => () => endpointSteps(link(2, { driver, mode, interface: 'parent' }))
    expect(steps('ipvlan')).toThrow('unknown ipvlan_mode l4: give l2, l3, l3s')
    expect(steps('macvlan')).toThrow('unknown macvlan_mode l4: give private, vepa, bridge, passthru')
  })
})
