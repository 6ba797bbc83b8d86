import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import type { Engine, Network } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine()
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())
afterEach(async () => {
  failpoints.clear()
  await engine.networks.prune()
})

const links = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' })
const addresses = (name: string) => execFileSync('ip', ['-o', 'addr', 'show', name], { encoding: 'utf8' })
const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const names = async (filters: Parameters<Engine['networks']['list']>[0] = {}) =>
  (await engine.networks.list(filters)).map(({ name }) => name)
const fail = (name: string) =>
  failpoints.set(name, () => {
    throw new Error(`failed at ${name}`)
  })

describe('a network that is made', () => {
  it('is a bridge with the first free subnet of the pools, and its inspect is as Docker shows it', async () => {
    const net = await engine.networks.create('net').label({ tier: 'front' })
    const inspect = await net.inspect()
    expect(inspect).toEqual({
      Name: 'net',
      Id: net.id,
      Created: expect.stringMatching(/^20.*Z$/),
      Scope: 'local',
      Driver: 'bridge',
      EnableIPv6: false,
      IPAM: {
        Driver: 'default',
        Options: {},
        Config: [
          { Subnet: expect.stringMatching(/^172\.\d+\.0\.0\/16$/), Gateway: expect.stringMatching(/^172\.\d+\.0\.1$/) },
        ],
      },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: {},
      Labels: { tier: 'front' },
    })
    expect(addresses(`br-${net.id.slice(0, 12)}`)).toContain(inspect.IPAM.Config[0]?.Gateway)
  })

  it('is what all of its options say', async () => {
    const net = await engine.networks
      .create('full', { driver: 'bridge', attachable: true })
      .ipv6()
      .subnet('2001:db8:5::/64', '10.81.0.0/24')
      .gateway('10.81.0.9')
      .ipRange('10.81.0.64/26')
      .auxAddress({ printer: '10.81.0.70' })
      .internal()
      .option({ 'com.docker.network.bridge.name': 'mybr0', 'com.docker.network.driver.mtu': '1400' })
      .ipamOption({ o: 'p' })
    expect(await net.inspect()).toMatchObject({
      EnableIPv6: true,
      Internal: true,
      Attachable: true,
      IPAM: {
        Driver: 'default',
        Options: { o: 'p' },
        Config: [
          {
            Subnet: '10.81.0.0/24',
            IPRange: '10.81.0.64/26',
            Gateway: '10.81.0.9',
            AuxiliaryAddresses: { printer: '10.81.0.70' },
          },
          { Subnet: '2001:db8:5::/64' },
        ],
      },
      Options: { 'com.docker.network.bridge.name': 'mybr0', 'com.docker.network.driver.mtu': '1400' },
    })
    expect(addresses('mybr0')).toContain('10.81.0.9/24')
    expect(addresses('mybr0')).toContain('2001:db8:5::1/64')
  })

  it('has a unique local subnet for IPv6 when none is given', async () => {
    const net = await engine.networks.create('dual').ipv6()
    expect((await net.inspect()).IPAM.Config).toEqual([
      expect.objectContaining({ Subnet: expect.stringMatching(/^172\./) }),
      expect.objectContaining({ Subnet: expect.stringMatching(/^fd.*\/64$/) }),
    ])
  })

  it('is made once, however often it is awaited', async () => {
    const builder = engine.networks.create('once')
    expect((await builder).id).toBe((await builder).id)
    expect(await names({ filters: { name: 'once' } })).toEqual(['once'])
  })

  it('avoids what the host has routes to', async () => {
    execFileSync('ip', ['link', 'add', 'lan0', 'type', 'bridge'])
    execFileSync('ip', ['addr', 'add', '172.16.0.1/12', 'dev', 'lan0'])
    execFileSync('ip', ['link', 'set', 'lan0', 'up'])
    const net = await engine.networks.create('away')
    const [config] = (await net.inspect()).IPAM.Config
    execFileSync('ip', ['link', 'del', 'lan0'])
    expect(config?.Subnet).toMatch(/^192\.168\./)
  })

  it('is refused when its name, its subnet or its bridge is taken, and nothing of it stays', async () => {
    await engine.networks.create('first').subnet('10.9.0.0/24').option({ 'com.docker.network.bridge.name': 'mybr1' })
    const before = links()
    await expect(engine.networks.create('first')).rejects.toThrow(
      code('NETWORK_EXISTS', 'network with name first already exists'),
    )
    await expect(engine.networks.create('second').subnet('10.9.0.128/25')).rejects.toThrow(
      code('SUBNET_OVERLAPS', 'Pool overlaps with other one on this address space'),
    )
    await expect(
      engine.networks.create('second').option({ 'com.docker.network.bridge.name': 'mybr1' }),
    ).rejects.toThrow(code('NETWORK_EXISTS', 'networks have same bridge name'))
    await expect(engine.networks.create('bridge')).rejects.toThrow(code('NETWORK_PREDEFINED'))
    expect(await names({ filters: { type: 'custom' } })).toEqual(['first'])
    expect(links()).toBe(before)
  })

  it('gives every one of many that are made at once a subnet of its own', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, (_, at) => engine.networks.create(`n${at}`)))
    const subnets = await Promise.all(made.map(async (net) => (await net.inspect()).IPAM.Config[0]?.Subnet))
    expect(new Set(subnets).size).toBe(8)
  })

  it.each(['network.record', 'network.create'])('leaves nothing when making it fails at %s', async (point) => {
    const before = links()
    fail(point)
    await expect(engine.networks.create('broken')).rejects.toThrow(`failed at ${point}`)
    failpoints.clear()
    expect(await names({ filters: { name: 'broken' } })).toEqual([])
    expect(links()).toBe(before)
  })

  it('leaves nothing when it is given up', async () => {
    const reason = new Error('enough')
    await expect(engine.networks.create('never').signal(AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(await names({ filters: { name: 'never' } })).toEqual([])
  })
})

describe('a network that is removed', () => {
  const make = () => engine.networks.create('gone') as PromiseLike<Network>

  it('is found by nobody, and its bridge is gone', async () => {
    const net = await make()
    await net.remove()
    await expect(net.inspect()).rejects.toThrow(code('NETWORK_NOT_FOUND', 'not found'))
    await expect(net.remove()).rejects.toThrow(code('NETWORK_NOT_FOUND'))
    expect(links()).not.toContain(`br-${net.id.slice(0, 12)}`)
  })

  it.each(['network.remove', 'network.names', 'network.removed'])(
    'whose removal was cut short at %s goes with the next change',
    async (point) => {
      const net = await make()
      fail(point)
      await expect(net.remove()).rejects.toThrow(`failed at ${point}`)
      failpoints.clear()
      await expect(net.inspect()).rejects.toThrow(code('NETWORK_NOT_FOUND'))
      await engine.networks.reload()
      expect(links()).not.toContain(`br-${net.id.slice(0, 12)}`)
    },
  )

  it('is none of the predefined ones', async () => {
    const bridge = await engine.networks.get('bridge')
    await expect(bridge.remove()).rejects.toThrow(
      code('NETWORK_PREDEFINED', 'bridge is a pre-defined network and cannot be removed'),
    )
  })
})

describe('the list of networks', () => {
  it('has the predefined ones', async () => {
    expect(await engine.networks.list({ filters: { type: 'builtin' } })).toEqual([
      expect.objectContaining({ name: 'bridge', driver: 'bridge', scope: 'local' }),
      expect.objectContaining({ name: 'host', driver: 'host' }),
      expect.objectContaining({ name: 'none', driver: 'null' }),
    ])
  })

  it('is filtered as Docker filters it', async () => {
    const front = await engine.networks.create('f1').label({ a: 'b' })
    await engine.networks.create('f2').label({ a: 'c' }).driver('macvlan').subnet('10.44.0.0/24')
    expect(await names({ filters: { name: '^f1$' } })).toEqual(['f1'])
    expect(await names({ filters: { name: ['1', '2'], label: 'a' } })).toEqual(['f1', 'f2'])
    expect(await names({ filters: { label: 'a=c' } })).toEqual(['f2'])
    expect(await names({ filters: { id: front.id.slice(3, 12) } })).toEqual(['f1'])
    expect(await names({ filters: { driver: ['macvlan', 'host'] } })).toEqual(['f2', 'host'])
    expect(await names({ filters: { scope: 'swarm' } })).toEqual([])
    expect(await names({ filters: { dangling: true } })).toEqual(['f1', 'f2'])
    expect(await names({ filters: { dangling: false } })).toEqual(['bridge', 'host', 'none'])
  })

  it('is refused a filter that there is not', async () => {
    await expect(names({ filters: { bad: '1' } as never })).rejects.toThrow(
      code('INVALID_OPTION', "Invalid filter 'bad'"),
    )
    await expect(names({ filters: { type: 'bad' as never } })).rejects.toThrow("invalid filter: 'type'='bad'")
    await expect(names({ filters: { dangling: 'maybe' as never } })).rejects.toThrow(
      "invalid value for filter 'dangling'",
    )
  })

  it('is pruned of what nothing runs on, by labels and age', async () => {
    await engine.networks.create('p1').label({ keep: '' })
    await engine.networks.create('p2')
    expect(await engine.networks.prune({ filters: { until: '1h' } })).toEqual([])
    expect(await engine.networks.prune({ filters: { withoutLabel: 'keep' } })).toEqual(['p2'])
    expect(await engine.networks.prune({ filters: { label: 'keep' } })).toEqual(['p1'])
    await expect(engine.networks.prune({ filters: { bad: 1 } as never })).rejects.toThrow("Invalid filter 'bad'")
  })
})

it('makes bridges again that others have removed, when it is told to', async () => {
  const net = await engine.networks.create('mended')
  const bridge = `br-${net.id.slice(0, 12)}`
  execFileSync('ip', ['link', 'del', bridge])
  await engine.networks.reload()
  expect(links()).toContain(bridge)
})
