import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, RunOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

interface Refusal {
  readonly message: string
}

const facts = JSON.parse(fact('networks.json'))
const said = (message: string, name = '') => new RegExp(asPattern(message, name))
const asPattern = (message: string, name: string) =>
  message
    .trim()
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('<ID>', '[0-9a-f]+')
    .replaceAll('<NAME>', name)

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
})
afterAll(() => host[Symbol.asyncDispose]())

const idle = () => engine.run('busybox', ['sleep', '1000'])

describe('a network that cannot be made is refused in Docker’s words', () => {
  const mtu = (value: string) => ({ option: { 'com.docker.network.driver.mtu': value } })
  const ofBridge = (name: string, value: string) => ({ option: { [`com.docker.network.bridge.${name}`]: value } })
  test.each([
    ['badSubnet', { subnet: 'bad' }],
    ['subnetWithoutPrefix', { subnet: '10.0.0.0' }],
    ['severalSubnets', { subnet: ['10.20.0.0/16', '10.21.0.0/16'] }],
    ['gatewayOutsideByClient', { subnet: '10.20.0.0/16', gateway: '10.21.0.1' }],
    ['gatewayIsNetworkAddress', { subnet: '10.20.0.0/16', gateway: '10.20.0.0' }],
    ['rangeOutsideByClient', { subnet: '10.20.0.0/16', ipRange: '10.21.0.0/24' }],
    ['auxOutsideByClient', { subnet: '10.20.0.0/16', auxAddress: { a: '10.21.0.1' } }],
    ['unknownDriver', { driver: 'nosuch' }],
    ['secondHost', { driver: 'host' }],
    ['secondNull', { driver: 'null' }],
    ['notABridge', ofBridge('name', 'lo')],
    ['badMtu', mtu('bad')],
    ['negativeMtu', mtu('-1')],
    ['badIcc', ofBridge('enable_icc', 'maybe')],
    ['badMasquerade', ofBridge('enable_ip_masquerade', 'maybe')],
    ['badHostBinding', ofBridge('host_binding_ipv4', 'bad')],
    ['macvlanBadMode', { driver: 'macvlan', option: { macvlan_mode: 'bad' } }],
    ['ipvlanBadMode', { driver: 'ipvlan', option: { ipvlan_mode: 'bad' } }],
    ['macvlanParentLo', { driver: 'macvlan', option: { parent: 'lo' } }],
  ])('%s', async (name, options) => {
    const { message }: Refusal = facts.create[name]
    await expect(engine.networks.create('refused', options)).rejects.toThrow(said(message))
    expect((await engine.networks.list({ filters: { type: 'custom' } })).map((network) => network.name)).toEqual([])
  })

  test.each<string>(facts.create.predefined.names)('the name %s', async (name) => {
    await expect(engine.networks.create(name)).rejects.toThrow(said(facts.create.predefined.message, name))
  })

  test('a name or a subnet that another one has', async () => {
    await engine.networks.create('dup1').subnet('10.9.0.0/24')
    await expect(engine.networks.create('dup1')).rejects.toThrow(said(facts.create.duplicate.message))
    for (const subnet of ['10.9.0.0/24', '10.9.0.128/25', '10.0.0.0/8'])
      await expect(engine.networks.create('other').subnet(subnet)).rejects.toThrow(said(facts.create.overlap.message))
  })
})

describe('connecting and disconnecting are refused in Docker’s words', () => {
  test('for what is missing, connected already, or not', async () => {
    const net = await engine.networks.create('n1')
    const other = await engine.networks.create('n4')
    const container = await idle().name('c1').network('n1')
    await expect(engine.networks.get('nosuch')).rejects.toThrow(said(facts.remove.missing.message))
    await expect(net.connect('nosuch')).rejects.toThrow(said(facts.connect.missingContainer.message))
    await expect(net.connect(container)).rejects.toThrow(said(facts.connect.twice.message))
    await expect(other.disconnect(container)).rejects.toThrow(said(facts.disconnect.notConnectedRunning.message))
  })

  test('for networks that are not alone, or not shared', async () => {
    const net = await engine.networks.create('n2')
    const [base, onHost, onNone] = await Promise.all([
      idle().name('base'),
      idle().network('host'),
      idle().network('none'),
    ])
    const sharing = await idle().network('container:base')
    for (const container of [onHost, sharing])
      await expect(net.connect(container)).rejects.toThrow(said(facts.connect.ofHostOrShared.message))
    await expect(net.connect(onNone)).rejects.toThrow(said(facts.connect.ofOrToNone.message))
    const [toHost, toNone] = [await engine.networks.get('host'), await engine.networks.get('none')]
    await expect(toHost.connect(base)).rejects.toThrow(said(facts.connect.toHost.message))
    await expect(toNone.connect(base)).rejects.toThrow(said(facts.connect.ofOrToNone.message))
    await expect(toHost.disconnect(onHost)).rejects.toThrow(said(facts.disconnect.host.message))
  })

  test('for addresses', async () => {
    const given = await engine.networks.create('n2').subnet('10.60.0.0/24')
    const picked = await engine.networks.create('n4')
    const container = await idle()
    await expect(given.connect(container, { ip: '10.61.0.5' })).rejects.toThrow(said(facts.connect.ipOutside.message))
    for (const ip of ['10.60.0.1', '10.60.0.0', '10.60.0.255'])
      await expect(given.connect(container, { ip })).rejects.toThrow(said(facts.connect.ipTaken.message))
    const ip = '172.30.0.77'
    await expect(picked.connect(container, { ip })).rejects.toThrow(said(facts.connect.ipWithoutUserSubnet.message))
  })
})

describe('removing is refused in Docker’s words', () => {
  test('while running containers are on a network', async () => {
    const net = await engine.networks.create('n1')
    await idle().network('n1')
    await expect(net.remove()).rejects.toThrow(said(facts.remove.inUse.message))
  })

  test.each(['bridge', 'host', 'none'])('of the predefined %s', async (name) => {
    const network = await engine.networks.get(name)
    await expect(network.remove()).rejects.toThrow(said(facts.remove.predefined.message, name))
  })
})

describe('a container is refused in Docker’s words', () => {
  test.each([
    ['missingNetwork', { network: 'nosuch' }],
    ['ipOnDefault', { ip: '172.17.0.50' }],
    ['aliasOnDefault', { networkAlias: ['x'] }],
    ['badIp', { ip: 'bad' }],
    ['badMac', { macAddress: 'bad' }],
    ['joinMissing', { network: 'container:nosuch' }],
    ['joinSelf', { network: 'container:me' }],
    ['joinNothing', { network: 'container:' }],
    ['addressNotHere', { publish: ['10.250.0.1:9091:80'] }],
  ])('%s', async (name, options) => {
    const message = withoutProxy(facts.run[name].message).replace('endpoint p9', 'endpoint me')
    await expect(engine.run('busybox', ['true'], options).name('me').rm()).rejects.toThrow(said(message))
  })

  test.each(Object.entries<string>(facts.ports.refused))('the port %j', async (port, message) => {
    await expect(engine.run('busybox', ['true']).publish(port).create()).rejects.toThrow(said(message))
  })

  test.each<[keyof RunOptions, RunOptions]>([
    ['hostname', { hostname: 'h' }],
    ['dns', { dns: ['1.1.1.1'] }],
    ['addHost', { addHost: ['a:1.2.3.4'] }],
    ['macAddress', { macAddress: '02:42:ac:11:00:77' }],
    ['publish', { publish: ['80'] }],
    ['publishAll', { publishAll: true }],
    ['expose', { expose: ['80'] }],
    ['link', { link: ['base:b'] }],
  ])('%s beside the network of another container', async (option, options) => {
    const joining = engine.run('busybox', ['true'], { ...options, network: 'container:base' })
    await expect(joining.create()).rejects.toThrow(said(facts.conflicts.container[option]))
  })

  test('links beside the network of the host, and a host name beside its UTS namespace', async () => {
    const linking = engine.run('busybox', ['true']).network('host').link('base:b')
    await expect(linking.create()).rejects.toThrow(said(facts.conflicts.host.link))
    const named = engine.run('busybox', ['true']).uts('host').hostname('h')
    await expect(named.create()).rejects.toThrow(said(facts.conflicts.utsHost.hostname))
  })
})

/** Docker's words go on with the proxy that it starts for a port. */
const withoutProxy = (message: string) => message.replace('Error starting userland proxy: ', '').replace('tcp4', 'tcp')
