import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bridge } from '../../test/support/network-definition.js'
import { type NetworkTestStore, networkStore } from '../../test/support/network-store.js'
import type { ActiveEndpoint } from '../network/definition.js'
import type { PortRecord } from './networks.js'

let store: NetworkTestStore
beforeEach(() => {
  store = networkStore()
})
afterEach(() => store[Symbol.dispose]())

const plain = { aliases: [], links: [] }
const active: ActiveEndpoint = {
  id: 'e'.repeat(64),
  ipv4: '10.1.0.2',
  mac: '02:42:0a:01:00:02',
  hostInterface: 'vetheeeeeeeeeee',
  interface: 'eth0',
}
const bytes = (...address: number[]) => Buffer.from(address)
const code = (expected: string, message?: string) =>
  expect.objectContaining({ code: expected, ...(message && { message: expect.stringContaining(message) }) })
/** A running container on a network, with the address 10.1.0.2. */
const run = (name: string, network = store.networks.getByName('net') ?? store.network('net')) => {
  const container = store.container(name)
  const endpoint = store.networks.connect(container, network, plain)
  store.networks.activate(endpoint, 1, active, { ipv4: bytes(10, 1, 0, 2) })
  return { container, network }
}

describe('networks', () => {
  it('are found by name, id and unique prefix, and as they were made', () => {
    const web = store.network('web', { labels: { tier: 'front' }, ipv6: true })
    expect(store.networks.find('web')).toEqual(web)
    expect(store.networks.find(web.id)).toEqual(web)
    expect(store.networks.find(web.id.slice(0, 3))).toEqual(web)
    expect(store.networks.get(web.id)).toEqual(web)
    expect(store.networks.list()).toEqual([web])
  })

  it('are found by a name before an id that begins with it', () => {
    const named = store.network('7')
    store.network('web')
    expect(store.networks.find('7')).toEqual(named)
  })

  it('are refused under a name that is taken', () => {
    store.network('web')
    expect(() =>
      store.networks.insert({ id: 'f'.repeat(64), name: 'web', createdAtMs: 0, definition: bridge }),
    ).toThrow(code('NETWORK_EXISTS', 'network with name web already exists'))
  })

  it('that nobody knows, or several prefixes fit, are errors', () => {
    store.network('web')
    store.network('weather')
    expect(() => store.networks.find('nope')).toThrow(code('NETWORK_NOT_FOUND', 'network nope not found'))
    expect(() => store.networks.find('7765')).toThrow(code('AMBIGUOUS_ID'))
  })

  it('get another definition', () => {
    const web = store.network('web')
    store.networks.update(web.id, { ...bridge, subnets: [{ subnet: '10.2.0.0/16', gateway: '10.2.0.1' }] })
    expect(store.networks.get(web.id)?.definition.subnets).toEqual([{ subnet: '10.2.0.0/16', gateway: '10.2.0.1' }])
  })

  it('that are being removed are found by nobody, leave their name, and are told apart until they are deleted', () => {
    const web = store.network('web')
    store.networks.beginRemove(web.id)
    expect(() => store.networks.find('web')).toThrow(code('NETWORK_NOT_FOUND'))
    expect(() => store.networks.beginRemove(web.id)).toThrow(code('NETWORK_NOT_FOUND'))
    const next = { ...web, id: 'f'.repeat(64) }
    store.networks.insert(next)
    expect(store.networks.list()).toEqual([next])
    expect(store.networks.removing()).toEqual([web])
    expect(store.networks.delete(web.id)).toBe(true)
    expect(store.networks.removing()).toEqual([])
  })

  it('stay while a running container is on them, and go while one that has ended is', () => {
    const { container, network } = run('app')
    const words = `error while removing network: network net id ${network.id} has active endpoints`
    expect(() => store.networks.beginRemove(network.id)).toThrow(code('NETWORK_IN_USE', words))
    store.networks.release(container, 1)
    store.networks.beginRemove(network.id)
    store.networks.delete(network.id)
    expect(store.networks.endpointsOf(container)).toEqual([
      {
        container,
        network: network.id,
        networkName: 'net',
        position: 0,
        settings: plain,
        attempt: undefined,
        active: undefined,
      },
    ])
  })
})

describe('endpoints', () => {
  it('are in the order they were connected in, behind what is left after a disconnect', () => {
    const container = store.container('app')
    for (const name of ['b', 'a', 'c']) store.networks.connect(container, store.network(name), plain)
    const [, a] = store.networks.endpointsOf(container)
    expect(store.networks.disconnect(container, a?.network as string)).toEqual(a)
    store.networks.connect(container, store.networks.find('a'), { ...plain, ip: '10.1.0.9' })
    const places = store.networks.endpointsOf(container).map(({ networkName, position }) => [networkName, position])
    expect(places).toEqual([
      ['b', 0],
      ['c', 2],
      ['a', 3],
    ])
  })

  it('are one for a container and network', () => {
    const { container, network } = run('app')
    expect(() => store.networks.connect(container, network, plain)).toThrow(
      code('ALREADY_CONNECTED', 'endpoint with name app already exists in network net'),
    )
    expect(store.networks.disconnect(container, network.id)?.active).toEqual(active)
    expect(store.networks.disconnect(container, network.id)).toBeUndefined()
  })

  it('tell whose they are', () => {
    const { container, network } = run('app')
    expect(store.networks.endpointsOn(network.id)).toEqual([
      {
        container,
        containerName: 'app',
        network: network.id,
        networkName: 'net',
        position: 0,
        settings: plain,
        attempt: 1,
        active,
      },
    ])
  })

  it('never have one address twice', () => {
    run('first')
    expect(() => run('second')).toThrow(code('ADDRESS_IN_USE', 'Address already in use: 10.1.0.2'))
    expect(() => run('third', store.network('other'))).not.toThrow()
  })

  it('have nothing more once their run is released, and another run keeps what it has', () => {
    const { container, network } = run('app')
    expect(store.networks.release(container, 2)).toBe(false)
    expect(store.networks.hasAddress(network.id, bytes(10, 1, 0, 2))).toBe(true)
    expect(store.networks.release(container, 1)).toBe(true)
    expect(store.networks.hasAddress(network.id, bytes(10, 1, 0, 2))).toBe(false)
    expect(store.networks.release(container, 1)).toBe(false)
  })

  it('of whichever run are released for one who knows that there is none', () => {
    const { container, network } = run('app')
    expect(store.networks.release(container)).toBe(true)
    expect(store.networks.endpointsOn(network.id)[0]?.active).toBeUndefined()
  })

  it('go with their container', () => {
    const { container, network } = run('app')
    store.networks.addPorts([port(container)])
    store.containers.delete(container)
    expect(store.networks.endpointsOn(network.id)).toEqual([])
    expect(store.networks.ports()).toEqual([])
  })

  it('are counted by their addresses, of either family', () => {
    const { network } = run('app')
    const [endpoint] = store.networks.endpointsOn(network.id)
    store.networks.activate(endpoint as never, 1, active, { ipv4: bytes(10, 1, 0, 2), ipv6: Buffer.alloc(16, 3) })
    const count = (first: Buffer, last: Buffer) => store.networks.countAddresses(network.id, first, last)
    expect(count(bytes(10, 1, 0, 2), bytes(10, 1, 0, 2))).toBe(1)
    expect(count(bytes(10, 1, 0, 3), bytes(10, 1, 255, 255))).toBe(0)
    expect(count(Buffer.alloc(16), Buffer.alloc(16, 3))).toBe(1)
  })
})

const port = (container: string, more: Partial<PortRecord> = {}): PortRecord => ({
  container,
  attempt: 1,
  protocol: 'tcp',
  hostAddress: '0.0.0.0',
  hostPort: 8080,
  port: 80,
  ...more,
})

describe('ports', () => {
  it('are told by container, and freed with its run', () => {
    const { container } = run('app')
    const ports = [port(container, { hostAddress: '::' }), port(container, { protocol: 'udp' })]
    store.networks.addPorts(ports)
    expect(store.networks.portsOf(container)).toEqual(ports)
    store.networks.release(container, 1)
    expect(store.networks.portsOf(container)).toEqual([])
  })

  it('that another container has are refused, with all that were asked for at once', () => {
    const [first, second] = [store.container('first'), store.container('second')]
    store.networks.addPorts([port(first)])
    expect(() => store.networks.addPorts([port(second, { hostPort: 9090 }), port(second)])).toThrow(
      code('PORT_IN_USE', 'Bind for 0.0.0.0:8080 failed: port is already allocated'),
    )
    expect(store.networks.portsOf(second)).toEqual([])
  })
})
