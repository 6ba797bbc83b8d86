import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type NetworkTestStore, networkStore } from '../../test/support/network-store.js'
import { dockerAddressPools } from '../network/address-pools.js'
import type { KernelNetwork } from '../network/definition.js'
import { parseSubnet } from '../network/subnet.js'
import { activateEndpoints } from './endpoints.js'
import { ensureBridge, ensurePredefined, type NetworkStages } from './predefined-networks.js'

let store: NetworkTestStore
beforeEach(() => {
  store = networkStore()
})
afterEach(() => store[Symbol.dispose]())

/** @param host what is in use there */
const stages = (host: readonly string[], removed: string[] = []): NetworkStages => ({
  networks: store.networks,
  rootId: '0123abcd',
  runRoot: store.directory,
  pools: dockerAddressPools,
  occupied: async (besides) => (besides === 'ib-0123abcd' ? host.map(parseSubnet) : []),
  createInKernel: async () => {},
  removeFromKernel: async ({ id }: KernelNetwork) => void removed.push(id),
})

describe('the predefined networks', () => {
  it('host and none have one record in a root, whoever opens it', () => {
    ensurePredefined(stages([]))
    const made = store.networks.list()
    ensurePredefined(stages([]))
    expect(made.map(({ name, definition }) => [name, definition.driver])).toEqual([
      ['host', 'host'],
      ['none', 'null'],
    ])
    expect(store.networks.list()).toEqual(made)
  })

  it('bridge has the first subnet of the pools that neither the host nor another network has', async () => {
    store.network('mine', { subnets: [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }] })
    const bridge = await ensureBridge(stages(['172.17.3.0/24']))
    expect(bridge.definition).toMatchObject({
      driver: 'bridge',
      interface: 'ib-0123abcd',
      subnets: [{ subnet: '172.19.0.0/16', isPicked: true, gateway: '172.19.0.1' }],
    })
    expect(store.networks.getByName('bridge')).toEqual(bridge)
  })

  it('bridge is made once by several at a time', async () => {
    const [first, second] = await Promise.all([ensureBridge(stages([])), ensureBridge(stages([]))])
    expect(second).toEqual(first)
    expect(store.networks.list()).toEqual([first])
  })

  it('bridge moves to another subnet when the host has come to use its own', async () => {
    const removed: string[] = []
    const before = await ensureBridge(stages([]))
    const after = await ensureBridge(stages(['172.16.0.0/12'], removed))
    expect(after).toMatchObject({ id: before.id, definition: { subnets: [{ subnet: '192.168.0.0/20' }] } })
    expect(store.networks.getByName('bridge')).toEqual(after)
    expect(removed).toEqual([before.id])
  })

  it('bridge stays where it is while something runs on it', async () => {
    const before = await ensureBridge(stages([]))
    const container = store.container('app')
    store.networks.connect(container, before, { aliases: [], links: [] })
    activateEndpoints(store.networks, container, 1)
    expect(await ensureBridge(stages(['172.16.0.0/12']))).toEqual(before)
  })

  it('bridge has no record when no subnet is free', async () => {
    const none = { ...stages(['10.0.0.0/8']), pools: [{ base: parseSubnet('10.0.0.0/8'), size: 16 }] }
    await expect(ensureBridge(none)).rejects.toMatchObject({ code: 'ADDRESSES_EXHAUSTED' })
    expect(store.networks.list()).toEqual([])
  })

  it('are not waited for by one who gives up', async () => {
    await expect(ensureBridge(stages([]), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })
})
