import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type NetworkTestStore, networkStore } from '../../test/support/network-store.js'
import type { EndpointSettings } from '../network/definition.js'
import type { NetworkRecord } from '../store/networks.js'
import { activateEndpoints, nextInterface } from './endpoints.js'

let store: NetworkTestStore
beforeEach(() => {
  store = networkStore()
})
afterEach(() => store[Symbol.dispose]())

const settings = (more: Partial<EndpointSettings> = {}): EndpointSettings => ({ aliases: [], links: [], ...more })
const start = (name: string, places: readonly (readonly [NetworkRecord, EndpointSettings])[]) => {
  const container = store.container(name)
  for (const [network, asked] of places) store.networks.connect(container, network, asked)
  return activateEndpoints(store.networks, container, 1).map(({ active }) => active)
}
const addressesOn = (network: NetworkRecord) => store.networks.endpointsOn(network.id).map(({ active }) => active?.ipv4)

describe('the endpoints of a run', () => {
  it('have the lowest free addresses, hardware addresses of them, and names by their order', () => {
    const net = store.network('net')
    const dual = store.network('dual', {
      ipv6: true,
      subnets: [
        { subnet: '10.2.0.0/24', gateway: '10.2.0.1' },
        { subnet: 'fd00:2::/64', gateway: 'fd00:2::1' },
      ],
    })
    start('other', [[net, settings()]])
    expect(
      start('app', [
        [net, settings()],
        [dual, settings()],
      ]),
    ).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        ipv4: '10.1.0.3',
        mac: '02:42:0a:01:00:03',
        hostInterface: expect.stringMatching(/^veth[0-9a-f]{11}$/),
        interface: 'eth0',
      },
      expect.objectContaining({ ipv4: '10.2.0.2', ipv6: 'fd00:2::2', interface: 'eth1' }),
    ])
  })

  it('have what was asked for', () => {
    const net = store.network('net', {
      ipv6: true,
      subnets: [
        { subnet: '10.1.0.0/16', gateway: '10.1.0.1' },
        { subnet: 'fd00::/64', gateway: 'fd00::1' },
      ],
    })
    expect(
      start('app', [[net, settings({ ip: '10.1.7.7', ip6: 'fd00::77', mac: '02:00:00:00:00:07' })]]),
    ).toMatchObject([{ ipv4: '10.1.7.7', ipv6: 'fd00::77', mac: '02:00:00:00:00:07' }])
  })

  it('have no interface of the host on macvlan, no hardware address on ipvlan, and only an id on host and none', () => {
    const macvlan = store.network('macvlan', { driver: 'macvlan' })
    const ipvlan = store.network('ipvlan', { driver: 'ipvlan' })
    const none = store.network('none', { driver: 'null', subnets: [] })
    const idle = { id: expect.any(String), mac: '', hostInterface: '', interface: '' }
    expect(
      start('app', [
        [none, settings()],
        [macvlan, settings()],
        [ipvlan, settings()],
      ]),
    ).toEqual([
      idle,
      { ...idle, ipv4: '10.1.0.2', mac: '02:42:0a:01:00:02', interface: 'eth0' },
      { ...idle, ipv4: '10.1.0.2', interface: 'eth1' },
    ])
  })

  it('have a hardware address of their own where there are only IPv6 ones', () => {
    const six = store.network('six', { ipv6: true, subnets: [{ subnet: 'fd00::/64', gateway: 'fd00::1' }] })
    expect(start('app', [[six, settings()]])).toMatchObject([
      { ipv6: 'fd00::2', mac: expect.stringMatching(/^02:42:/) },
    ])
  })

  it('get the address that has become free', () => {
    const net = store.network('net')
    start('first', [[net, settings()]])
    start('second', [[net, settings()]])
    store.networks.release(store.containers.find('first').id, 1)
    expect(start('third', [[net, settings()]])).toMatchObject([{ ipv4: '10.1.0.2' }])
  })

  it('stay out of the gateway, what else is on the network, and the range that others have', () => {
    const net = store.network('net', {
      subnets: [
        { subnet: '10.1.0.0/24', range: '10.1.0.8/30', gateway: '10.1.0.8', auxAddresses: { printer: '10.1.0.10' } },
      ],
    })
    start('first', [[net, settings()]])
    start('second', [[net, settings()]])
    expect(addressesOn(net)).toEqual(['10.1.0.9', '10.1.0.11'])
    expect(() => start('third', [[net, settings()]])).toThrow(
      expect.objectContaining({
        code: 'ADDRESSES_EXHAUSTED',
        message: expect.stringContaining("no available IPv4 addresses on this network's address pools: net ("),
      }),
    )
  })

  it('are none at all when one cannot be had', () => {
    const net = store.network('net')
    const gone = store.network('gone')
    store.networks.beginRemove(gone.id)
    const begin = () =>
      store.networks.transaction(() =>
        start('app', [
          [net, settings()],
          [gone, settings()],
        ]),
      )
    expect(begin).toThrow(expect.objectContaining({ code: 'NETWORK_NOT_FOUND' }))
    expect(addressesOn(net)).toEqual([])
  })

  it("are on the network that has their network's name by then, until the first run", () => {
    const before = store.network('net')
    const container = store.container('app')
    store.networks.connect(container, before, settings())
    store.networks.beginRemove(before.id)
    expect(() => activateEndpoints(store.networks, container, 1)).toThrow('network net not found')
    const after = { ...before, id: 'f'.repeat(64) }
    store.networks.insert(after)
    expect(() => activateEndpoints(store.networks, container, 2)).toThrow(`network ${before.id} not found`)
    expect(activateEndpoints(store.networks, container, 1)).toMatchObject([
      { network: after, active: { ipv4: '10.1.0.2' } },
    ])
    expect(store.networks.endpointsOn(after.id)).toHaveLength(1)
  })

  it('are refused an address of a subnet that nobody asked for, or of a family that the network has not', () => {
    const picked = store.network('picked', {
      subnets: [{ subnet: '10.3.0.0/16', gateway: '10.3.0.1', isPicked: true }],
    })
    const words = 'user specified IP address is supported only when connecting to networks with user configured subnets'
    expect(() => start('first', [[picked, settings({ ip: '10.3.0.9' })]])).toThrow(words)
    expect(() => start('second', [[store.network('net'), settings({ ip6: 'fd00::9' })]])).toThrow(words)
  })

  it('are refused an address that is taken, or of no subnet', () => {
    const net = store.network('net')
    start('first', [[net, settings()]])
    const ask = (name: string, ip: string) => () => start(name, [[net, settings({ ip })]])
    expect(ask('taken', '10.1.0.2')).toThrow(expect.objectContaining({ code: 'ADDRESS_IN_USE' }))
    expect(ask('gateway', '10.1.0.1')).toThrow(expect.objectContaining({ code: 'ADDRESS_IN_USE' }))
    expect(ask('outside', '10.9.0.2')).toThrow(
      "Invalid address 10.9.0.2: It does not belong to any of this network's subnets",
    )
  })

  it('are found among a thousand', () => {
    const net = store.network('net')
    store.networks.transaction(() => Array.from({ length: 1000 }, (_, at) => start(`c${at}`, [[net, settings()]])))
    store.networks.release(store.containers.find('c700').id, 1)
    expect(start('freed', [[net, settings()]])).toMatchObject([{ ipv4: '10.1.2.190' }])
    expect(start('last', [[net, settings()]])).toMatchObject([{ ipv4: '10.1.3.234' }])
  })
})

describe('nextInterface', () => {
  it('is behind the last one in use', () => {
    const container = store.container('app')
    for (const name of ['a', 'b']) store.networks.connect(container, store.network(name), settings())
    expect(nextInterface(store.networks.endpointsOf(container))).toBe(0)
    activateEndpoints(store.networks, container, 1)
    expect(nextInterface(store.networks.endpointsOf(container))).toBe(2)
  })
})
