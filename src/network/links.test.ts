import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatAddress, formatMac, macOf, parseAddress } from './address.js'
import { type Answer, checkObeyed, dumped, refusals } from './answers.js'
import { Namespaces, NETLINK_ROUTE } from './fixture.js'
import {
  dumpAddresses,
  dumpLinks,
  dumpRoutes,
  type Link,
  occupiedSubnets,
  readAddresses,
  readLinks,
  readRoutes,
} from './host-records.js'
import { createBridge, createVeth, deleteLink, deleteLinks, raiseLink, raiseLoopbackLink, renameLink } from './links.js'
import type { Message } from './messages.js'
import { addAddress, addRoute, everywhere, removeAddress, removeRoute } from './routes.js'
import { formatSubnet, parseSubnet } from './subnet.js'

interface IpLink {
  ifname: string
  mtu: number
  address: string
  group: string
  master?: string
  flags: string[]
  inet6_addr_gen_mode?: string
  linkinfo?: {
    info_kind: string
    info_data?: Record<string, unknown>
    info_slave_data?: { isolated: boolean; hairpin: boolean }
  }
}

let namespaces: Namespaces
beforeAll(() => {
  namespaces = Namespaces.start()
})
afterAll(() => namespaces[Symbol.asyncDispose]())

async function obeyed(namespace: number, ...messages: Message[]): Promise<Answer[]> {
  const answers = await namespaces.send(namespace, NETLINK_ROUTE, messages)
  checkObeyed('test', answers)
  return answers
}

async function ask(namespace: number, message: Message): Promise<readonly Answer[]> {
  return dumped('test', await namespaces.send(namespace, NETLINK_ROUTE, [message])) ?? []
}

function ipLinks(namespace: number): Promise<IpLink[]> {
  return namespaces.json(namespace, 'ip', '-j', '-d', 'link')
}

async function linkNamed(namespace: number, name: string): Promise<Link> {
  const found = readLinks(await ask(namespace, dumpLinks())).find((link) => link.name === name)
  return found ?? expect.fail(`no interface ${name}`)
}

const gateway = parseAddress('172.17.0.1')
const address = parseAddress('172.17.0.2')

/** A bridge in one namespace, and a container's in another with its eth0 on it. */
async function bridged(): Promise<{ host: number; container: number; bridge: number }> {
  const host = await namespaces.make()
  const container = await namespaces.make()
  await obeyed(host, ...createBridge({ name: 'br0', mtu: 1400, group: 77, ipv6: false }))
  const { index: bridge } = await linkNamed(host, 'br0')
  const peer = { name: 'eth0', namespace: container, mac: macOf(address), mtu: 1400 }
  await obeyed(
    host,
    ...createVeth({
      name: 'veth1',
      master: bridge,
      mtu: 1400,
      group: 78,
      ipv6: false,
      isolated: true,
      hairpin: true,
      peer,
    }),
  )
  return { host, container, bridge }
}

describe('links', () => {
  it('makes a bridge that is up and has no address of its own accord', async () => {
    const { host } = await bridged()
    const bridge = (await ipLinks(host)).find(({ ifname }) => ifname === 'br0')
    expect(bridge).toMatchObject({ mtu: 1400, group: '77', inet6_addr_gen_mode: 'none' })
    expect(bridge?.linkinfo).toMatchObject({ info_kind: 'bridge', info_data: { mcast_snooping: 0 } })
    expect(bridge?.flags).toContain('UP')
  })

  it('makes a pair with its peer in the other namespace, and its own end an isolated port of the bridge', async () => {
    const { host, container } = await bridged()
    const own = (await ipLinks(host)).find(({ ifname }) => ifname === 'veth1')
    const peer = (await ipLinks(container)).find(({ ifname }) => ifname === 'eth0')
    expect(own).toMatchObject({ master: 'br0', mtu: 1400, group: '78', inet6_addr_gen_mode: 'none' })
    expect(own?.linkinfo).toMatchObject({ info_kind: 'veth', info_slave_data: { isolated: true, hairpin: true } })
    expect(own?.flags).toContain('UP')
    expect(peer).toMatchObject({ mtu: 1400, address: '02:42:ac:11:00:02' })
    expect(peer?.flags).not.toContain('UP')
  })

  it('has no link-local addresses but where they are wanted', async () => {
    const { host, container } = await bridged()
    const { index } = await linkNamed(container, 'eth0')
    await obeyed(container, ...raiseLink(index, true))
    expect(readAddresses(await ask(host, dumpAddresses()))).toEqual([])
    expect(readAddresses(await ask(container, dumpAddresses())).map((one) => formatAddress(one.address))).toEqual([
      'fe80::42:acff:fe11:2',
    ])
  })

  it('reads what the kernel has of them', async () => {
    const { host, container, bridge } = await bridged()
    expect(await linkNamed(host, 'veth1')).toMatchObject({
      up: true,
      kind: 'veth',
      master: bridge,
      mtu: 1400,
      group: 78,
    })
    const eth0 = await linkNamed(container, 'eth0')
    expect(eth0).toMatchObject({ up: false, kind: 'veth' })
    expect(formatMac(eth0.mac)).toBe('02:42:ac:11:00:02')
    expect(await linkNamed(container, 'lo')).toMatchObject({ index: 1, up: false, mtu: 65_536 })
  })

  it('renames, removes one with its peer, and removes a whole group at once', async () => {
    const { host, container } = await bridged()
    await obeyed(container, renameLink((await linkNamed(container, 'eth0')).index, 'eth7'), ...raiseLink('eth7', false))
    expect(await linkNamed(container, 'eth7')).toMatchObject({ up: true })
    await obeyed(host, deleteLinks(78))
    expect((await ipLinks(container)).map(({ ifname }) => ifname)).toEqual(['lo'])
    await obeyed(host, deleteLink('br0'))
    expect((await ipLinks(host)).map(({ ifname }) => ifname)).toEqual(['lo'])
  })

  it('says why the kernel refuses', async () => {
    const { host } = await bridged()
    const again = await namespaces.send(host, NETLINK_ROUTE, createBridge({ name: 'br0', ipv6: false }))
    expect(refusals(again)).toMatchObject([{ errno: 'EEXIST' }])
    const gone = await namespaces.send(host, NETLINK_ROUTE, [deleteLink('br9'), deleteLinks(999)])
    expect(refusals(gone)).toMatchObject([{ errno: 'ENODEV' }, { errno: 'ENODEV' }])
  })
})

describe('routes', () => {
  it('carry a ping from a container to its gateway, and make both IPv4 and IPv6 usable at once', async () => {
    const { host, container, bridge } = await bridged()
    const { index } = await linkNamed(container, 'eth0')
    const gateway6 = parseAddress('fd00::1')
    await obeyed(host, addAddress(bridge, gateway, 16), addAddress(bridge, gateway6, 64))
    await obeyed(
      container,
      raiseLoopbackLink(),
      ...raiseLink(index, false),
      addAddress(index, address, 16),
      addAddress(index, parseAddress('fd00::2'), 64),
      addRoute({ destination: everywhere(4), gateway }),
      addRoute({ destination: everywhere(6), gateway: gateway6, interface: index }),
    )
    const addresses = readAddresses(await ask(container, dumpAddresses()))
    expect(
      addresses.filter(({ link }) => link === index).map((one) => `${formatAddress(one.address)}/${one.prefix}`),
    ).toEqual(['172.17.0.2/16', 'fd00::2/64'])
    const [shown] = await namespaces.json<{ addr_info: object[] }[]>(container, 'ip', '-j', 'address', 'show', 'eth0')
    expect(shown?.addr_info).toMatchObject([{ broadcast: '172.17.255.255' }, { nodad: true }])
    const routes = readRoutes(await ask(container, dumpRoutes(4))).filter(({ table }) => table === 254)
    expect(routes.map(({ destination }) => formatSubnet(destination)).sort()).toEqual(['0.0.0.0/0', '172.17.0.0/16'])
    expect(routes.find(({ destination }) => destination.prefix === 0)).toMatchObject({
      gateway,
      link: index,
      table: 254,
    })
    const routes6 = readRoutes(await ask(container, dumpRoutes(6)))
    expect(routes6.find(({ destination }) => destination.prefix === 0)).toMatchObject({ gateway: gateway6 })
    expect(await namespaces.run(container, 'busybox', 'ping', '-c1', '-W2', '172.17.0.1')).toMatchObject({ status: 0 })
    expect(await namespaces.run(container, 'busybox', 'ping', '-c1', '-W2', 'fd00::1')).toMatchObject({ status: 0 })
  })

  it('say what a new network must not overlap, and nothing once all is removed', async () => {
    const { host, bridge } = await bridged()
    const destination = parseSubnet('10.9.0.0/16')
    await obeyed(host, addAddress(bridge, gateway, 16), addRoute({ destination, gateway: address }))
    const occupied = async () =>
      occupiedSubnets(readAddresses(await ask(host, dumpAddresses())), readRoutes(await ask(host, dumpRoutes(4))))
    expect(new Set((await occupied()).map(formatSubnet))).toEqual(new Set(['172.17.0.0/16', '10.9.0.0/16']))
    await obeyed(host, removeRoute({ destination, gateway: address }), removeAddress(bridge, gateway, 16))
    expect(await occupied()).toEqual([])
  })
})
