import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAddress } from './address.js'
import { checkObeyed, refusals } from './answers.js'
import { Namespaces, NETLINK_NETFILTER } from './fixture.js'
import type { Message } from './messages.js'
import { deleteTable, queryTable, transaction } from './nftables.js'
import { removalTransactions, replaceMessages } from './plan-batches.js'
import {
  addGuard,
  addNetworkRules,
  createRuleset,
  linkElements,
  type NetworkRules,
  type PublishedPort,
  portElements,
  removeNetworkRules,
} from './ruleset.js'
import { parseSubnet } from './subnet.js'

const table = 'inboard-0011aabb'

let namespaces: Namespaces
beforeAll(() => {
  namespaces = Namespaces.start()
})
afterAll(() => namespaces[Symbol.asyncDispose]())

async function obeyed(namespace: number, ...messages: Message[]): Promise<void> {
  checkObeyed('test', await namespaces.send(namespace, NETLINK_NETFILTER, transaction(messages)))
}

async function refused(namespace: number, ...messages: Message[]): Promise<string[]> {
  const answers = await namespaces.send(namespace, NETLINK_NETFILTER, transaction(messages))
  return refusals(answers).map(({ errno }) => errno)
}

async function withRuleset(): Promise<number> {
  const namespace = await namespaces.make()
  await obeyed(namespace, ...createRuleset(table))
  return namespace
}

/** A chain, set or map as nft(8) reads it out of the kernel, without the indentation. */
async function listed(namespace: number, kind: string, name: string): Promise<string[]> {
  const { stdout } = await namespaces.run(namespace, 'nft', 'list', kind, 'inet', table, name)
  return stdout
    .split('\n')
    .slice(2, -3)
    .map((line) => line.trim())
}

function port(hostAddress: string, hostPort: number, address: string, protocol: 'tcp' | 'udp' = 'tcp'): PublishedPort {
  return { protocol, hostAddress: parseAddress(hostAddress), hostPort, address: parseAddress(address), port: 80 }
}

const network: NetworkRules = {
  bridge: 'br0',
  subnets: [parseSubnet('172.17.0.0/16'), parseSubnet('fd00::/64')],
  internal: false,
  icc: true,
  masquerade: true,
}

describe('createRuleset', () => {
  it('makes chains that read as they were meant', async () => {
    const namespace = await withRuleset()
    expect(await listed(namespace, 'chain', 'raw')).toEqual([
      'type filter hook prerouting priority raw; policy accept;',
      'iifname != "lo" ip daddr 127.0.0.0/8 drop',
      'iifname @own fib saddr . iif oif 0 drop',
      'iifname @own iifname != @bridges meta mark set 0x696e7472',
    ])
    expect(await listed(namespace, 'chain', 'publish')).toEqual([
      'dnat ip to ip daddr . meta l4proto . th dport map @published4',
      'dnat ip6 to ip6 daddr . meta l4proto . th dport map @published6',
      expect.stringMatching(/^fib daddr type local .*dnat ip to meta l4proto \. th dport map @wildcard4$/),
      expect.stringMatching(/^fib daddr type local .*dnat ip6 to meta l4proto \. th dport map @wildcard6$/),
    ])
    expect(await listed(namespace, 'chain', 'prerouting')).toEqual([
      'type nat hook prerouting priority dstnat; policy accept;',
      'jump publish',
    ])
    expect(await listed(namespace, 'chain', 'output')).toEqual([
      'type nat hook output priority -100; policy accept;',
      'jump publish',
    ])
    expect(await listed(namespace, 'chain', 'postrouting')).toEqual([
      'type nat hook postrouting priority srcnat; policy accept;',
      'ip saddr vmap @sources4',
      'ip6 saddr vmap @sources6',
      'ip saddr 127.0.0.0/8 oifname @bridges masquerade',
    ])
    expect(await listed(namespace, 'chain', 'forward')).toEqual([
      'type filter hook forward priority filter; policy accept;',
      'iifname vmap @departing',
      'oifname vmap @arriving',
    ])
  })

  it('is found until its table is removed, with all that is in it', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addNetworkRules(table, network))
    const found = async () => refusals(await namespaces.send(namespace, NETLINK_NETFILTER, [queryTable(table)]))
    expect(await found()).toEqual([])
    await obeyed(namespace, deleteTable(table))
    expect(await found()).toMatchObject([{ errno: 'ENOENT' }])
    expect((await namespaces.run(namespace, 'nft', 'list', 'ruleset')).stdout).toBe('')
  })
})

describe('addNetworkRules', () => {
  it('lets neighbours, answers and published ports in, and translates what leaves', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addNetworkRules(table, network))
    expect(await listed(namespace, 'chain', 'arrive-br0')).toEqual([
      'iifname "br0" accept',
      'ct state established,related accept',
      'ct status dnat accept',
      'drop',
    ])
    expect(await listed(namespace, 'chain', 'translate-br0')).toEqual([
      'oifname != "br0" masquerade',
      'oifname "br0" ct status dnat masquerade',
    ])
    expect(await listed(namespace, 'map', 'sources4')).toContain('elements = { 172.17.0.0/16 : goto translate-br0 }')
    expect(await listed(namespace, 'map', 'sources6')).toContain('elements = { fd00::/64 : goto translate-br0 }')
    expect(await listed(namespace, 'map', 'arriving')).toContain('elements = { "br0" : goto arrive-br0 }')
    expect(await listed(namespace, 'set', 'bridges')).toContain('elements = { "br0" }')
  })

  it('lets nothing but neighbours into an internal network, and nothing out', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addNetworkRules(table, { ...network, internal: true }))
    expect(await listed(namespace, 'chain', 'arrive-br0')).toEqual([
      'iifname "br0" accept',
      'ct state established,related accept',
      'drop',
    ])
    expect(await listed(namespace, 'chain', 'depart-br0')).toEqual(['oifname != "br0" drop'])
    expect(await listed(namespace, 'map', 'departing')).toContain('elements = { "br0" : jump depart-br0 }')
  })

  it('lets neighbours without icc in by linked ports only, and keeps addresses without masquerade', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addNetworkRules(table, { ...network, icc: false, masquerade: false }))
    expect(await listed(namespace, 'chain', 'arrive-br0')).toEqual([
      'iifname "br0" ip saddr . ip daddr . meta l4proto . th dport @links4 accept',
      'ct state established,related accept',
      'ct status dnat accept',
      'drop',
    ])
    expect(await listed(namespace, 'chain', 'translate-br0')).toEqual(['oifname "br0" ct status dnat masquerade'])
  })

  it('leaves nothing of a network that is removed, and all of the one whose subnet is next to it', async () => {
    const namespace = await withRuleset()
    const next = { ...network, bridge: 'br1', subnets: [parseSubnet('172.18.0.0/16')] }
    await obeyed(namespace, ...addNetworkRules(table, network), ...addNetworkRules(table, next))
    await obeyed(namespace, ...removeNetworkRules(table, network))
    const { stdout } = await namespaces.run(namespace, 'nft', 'list', 'ruleset')
    expect(stdout).not.toMatch(/br0|172\.17|fd00/)
    expect(await listed(namespace, 'map', 'sources4')).toContain('elements = { 172.18.0.0/16 : goto translate-br1 }')
    await obeyed(namespace, ...removeNetworkRules(table, next))
    await obeyed(namespace, ...addNetworkRules(table, network))
  })

  it('takes a subnet that ends where addresses end', async () => {
    const namespace = await withRuleset()
    const last = { ...network, subnets: [parseSubnet('255.255.0.0/16')] }
    await obeyed(namespace, ...addNetworkRules(table, last))
    expect((await listed(namespace, 'map', 'sources4')).join()).toContain('255.255.0.0/16 : goto translate-br0')
    await obeyed(namespace, ...removeNetworkRules(table, last))
  })

  it('happens as a whole or not at all', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addNetworkRules(table, network))
    const before = (await namespaces.run(namespace, 'nft', 'list', 'ruleset')).stdout
    const other = { ...network, bridge: 'br1' }
    expect(await refused(namespace, ...addNetworkRules(table, other))).toContain('EEXIST')
    expect((await namespaces.run(namespace, 'nft', 'list', 'ruleset')).stdout).toBe(before)
  })
})

describe('addGuard', () => {
  it('makes the host forward nothing of a family but what is of the own bridges', async () => {
    const namespace = await withRuleset()
    await obeyed(namespace, ...addGuard(table, 4), ...addGuard(table, 6))
    const rules = ['iifname @own accept', 'oifname @own accept']
    const hook = 'type filter hook forward priority filter; policy accept;'
    expect(await listed(namespace, 'chain', 'guard4')).toEqual([hook, ...rules, 'meta nfproto ipv4 drop'])
    expect(await listed(namespace, 'chain', 'guard6')).toEqual([hook, ...rules, 'meta nfproto ipv6 drop'])
  })
})

describe('portElements', () => {
  it('has an element for each port, which is taken away exactly', async () => {
    const namespace = await withRuleset()
    const ports = portElements([
      port('127.0.0.1', 8080, '172.17.0.2'),
      port('0.0.0.0', 8081, '172.17.0.3', 'udp'),
      port('::', 8082, 'fd00::2'),
      port('2001:db8::1', 8083, 'fd00::3'),
    ])
    await obeyed(namespace, ...replaceMessages(table, ports))
    const shown = { published4: '127.0.0.1 . tcp . 8080 : 172.17.0.2 . 80', wildcard4: 'udp . 8081 : 172.17.0.3 . 80' }
    expect(await listed(namespace, 'map', 'published4')).toContain(`elements = { ${shown.published4} }`)
    expect(await listed(namespace, 'map', 'wildcard4')).toContain(`elements = { ${shown.wildcard4} }`)
    expect(await listed(namespace, 'map', 'wildcard6')).toContain('elements = { tcp . 8082 : fd00::2 . 80 }')
    expect(await listed(namespace, 'map', 'published6')).toContain(
      'elements = { 2001:db8::1 . tcp . 8083 : fd00::3 . 80 }',
    )
    await obeyed(namespace, ...removalTransactions(table, ports).flat())
    expect((await namespaces.run(namespace, 'nft', 'list', 'ruleset')).stdout).not.toContain('elements')
  })

  it('is added by the thousand in one transaction', async () => {
    const namespace = await withRuleset()
    const ports = Array.from({ length: 3000 }, (_, at) => port('192.0.2.1', 10_000 + at, '172.17.0.2'))
    await obeyed(namespace, ...replaceMessages(table, portElements(ports)))
    const { stdout } = await namespaces.run(namespace, 'nft', 'list', 'map', 'inet', table, 'published4')
    expect(stdout.match(/192\.0\.2\.1/g)).toHaveLength(3000)
  })
})

describe('linkElements', () => {
  it('opens a port of one address to another, until it is closed', async () => {
    const namespace = await withRuleset()
    const from = parseAddress('172.17.0.3')
    const links = linkElements([{ from, to: parseAddress('172.17.0.2'), protocol: 'tcp', port: 5432 }])
    await obeyed(namespace, ...replaceMessages(table, links))
    expect(await listed(namespace, 'set', 'links4')).toContain('elements = { 172.17.0.3 . 172.17.0.2 . tcp . 5432 }')
    await obeyed(namespace, ...removalTransactions(table, links).flat())
    expect((await listed(namespace, 'set', 'links4')).join()).not.toContain('elements')
  })
})
