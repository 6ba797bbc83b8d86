import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/network/address.js'
import { formatSubnet } from '../../src/network/subnet.js'
import { endpoint, network, TestHost, wanted } from '../support/host-network.js'

const rootId = '0011aabb'
/** Seconds. */
const patience = 5
const one = network(1)
const two = network(2)

const probe = 'ip link add one type veth peer name other && ip link add one.5 link one type vlan id 5'
const hasVlan = spawnSync('unshare', ['--net', 'sh', '-c', probe]).status === 0

let host: TestHost
beforeEach(async () => {
  host = await TestHost.start()
})
afterEach(async () => {
  await host.clean()
  await host[Symbol.asyncDispose]()
})

/** What Docker does with the chain of all that is forwarded. */
async function dropAsDocker(): Promise<void> {
  await host.shell('iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN')
  await host.shell('iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT')
}

const forwarding = '/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding'
const beRouter = (value: 0 | 1) => host.shell(`echo ${value} | tee ${forwarding}`)
/** Of IPv4, of IPv6. */
const isRouter = async () => (await host.shell(`cat ${forwarding}`)).trim().split('\n')

const port = {
  protocol: 'tcp' as const,
  hostAddress: parseAddress('0.0.0.0'),
  hostPort: 8080,
  address: parseAddress('172.21.0.2'),
  port: 80,
}

describe('create and remove', () => {
  it('make a network, and leave the host as it was', async () => {
    await dropAsDocker()
    const before = await host.traces()
    const root = host.root(rootId)
    await root.create(one)
    await root.create(network(2, { internal: true }))
    await root.create(network(3, { icc: false }))
    expect(await host.shell('ip -o address')).toMatch(/172\.21\.0\.1\/16.*br-1/)
    await root.remove(one)
    await root.remove(network(2, { internal: true }))
    await root.remove(network(3, { icc: false }))
    expect(await host.traces()).toBe(before)
  })

  it('are done once, whoever does them again', async () => {
    const before = await host.traces()
    const root = host.root(rootId)
    await root.create(one)
    const made = await host.traces()
    await Promise.all([root.create(one), host.root(rootId).create(one)])
    expect(await host.traces()).toBe(made)
    await root.remove(one)
    await root.remove(one)
    expect(await host.traces()).toBe(before)
  })

  it('undo themselves when a part of a network cannot be made', async () => {
    const root = host.root(rootId)
    await root.create(one)
    const before = await host.traces()
    const overlapping = network(2, { subnets: one.definition.subnets })
    await expect(root.create(overlapping)).rejects.toMatchObject({ code: 'SYSCALL_FAILED' })
    expect(await host.traces()).toBe(before)
  })

  it('use a bridge that is there, and leave it when the network goes', async () => {
    await host.shell('ip link add br-1 type bridge; ip address add 10.9.9.1/24 dev br-1; ip link set br-1 up')
    const before = await host.traces()
    const root = host.root(rootId)
    await root.create(one)
    expect(await host.shell('ip -o address show dev br-1')).toContain('172.21.0.1/16')
    await root.remove(one)
    expect(await host.traces()).toBe(before)
  })

  it('refuse an interface that is no bridge', async () => {
    await host.shell('ip link add br-1 type veth peer name other')
    await expect(host.root(rootId).create(one)).rejects.toMatchObject({ code: 'NETWORK_EXISTS', name: 'ConflictError' })
    expect(await host.shell('ip -o link')).toContain('br-1')
  })

  it('know no other root of the host', async () => {
    const root = host.root(rootId)
    const other = host.root('99887766')
    await root.create(one)
    const before = await host.traces()
    await other.create(two)
    await other.reload(() => wanted(two))
    await other.clear([two])
    expect(await host.traces()).toBe(before)
  })

  it('let pass what another root, which made the host a router, would not forward', async () => {
    await host.shell('echo 0 > /proc/sys/net/ipv4/ip_forward')
    const outside = await host.outside(2)
    const [first, second] = [host.root(rootId), host.root('99887766')]
    await first.create(one)
    await second.create(two)
    const container = await host.server(second, endpoint(two, 2))
    expect(await host.shell('nft list ruleset')).toContain('chain guard4')
    expect(await host.namespaces.connect(container, '192.0.2.2', 80, patience)).toBe('192.0.2.1')
    expect(await host.namespaces.connect(outside, '172.22.0.2', 80)).toBe('TimeoutError')
    await second.remove(two)
    expect(await host.shell('nft list ruleset')).not.toContain('99887766')
  })

  it('make the host a router, and none any more before what guards it goes', async () => {
    await beRouter(0)
    const root = host.root(rootId)
    await root.create(one)
    await root.create(two)
    await root.remove(one)
    expect(await isRouter()).toEqual(['1', '1'])
    await root.remove(two)
    expect(await isRouter()).toEqual(['0', '0'])
    await root.create(one)
    expect(await isRouter()).toEqual(['1', '1'])
    expect(await host.shell('nft list ruleset')).toContain('chain guard4')
    await root.clear([one])
    expect(await isRouter()).toEqual(['0', '0'])
  })

  it('leave a host a router that was one', async () => {
    await beRouter(1)
    const root = host.root(rootId)
    await root.create(one)
    await root.remove(one)
    await root.create(one)
    await root.clear([one])
    expect(await isRouter()).toEqual(['1', '1'])
  })

  it('leave the host a router for the networks of another root, whoever made it one', async () => {
    await beRouter(0)
    const [first, second] = [host.root(rootId), host.root('99887766')]
    await first.create(one)
    await second.create(two)
    await second.remove(two)
    expect(await isRouter()).toEqual(['1', '1'])
    await second.create(two)
    await first.remove(one)
    expect(await isRouter()).toEqual(['1', '1'])
    await first.create(one)
    await second.remove(two)
    await first.remove(one)
    expect(await isRouter()).toEqual(['0', '0'])
  })

  it('make the parent of a macvlan network that names none, and remove it', async () => {
    const before = await host.traces()
    const name = `dm-${one.id.slice(0, 12)}`
    const isolated = network(1, { driver: 'macvlan', mode: 'bridge', interface: name, internal: true })
    const root = host.root(rootId)
    await root.create(isolated)
    const server = await host.server(root, endpoint(isolated, 2))
    const client = await host.server(root, endpoint(isolated, 3))
    expect(await host.namespaces.connect(client, '172.21.0.2', 80, patience)).toBe('172.21.0.3')
    expect(await host.namespaces.connect(server, 'fd00:1::3', 80, patience)).toBe('fd00:1::2')
    await root.remove(isolated)
    expect(await host.traces()).toBe(before)
  })

  it.skipIf(!hasVlan)(
    'make a VLAN of the interface that the parent of a macvlan network names, and remove it',
    async () => {
      await host.shell('ip link add uplink type veth peer name other')
      const before = await host.traces()
      const tagged = network(1, { driver: 'macvlan', mode: 'bridge', interface: 'uplink.10' })
      const root = host.root(rootId)
      await root.create(tagged)
      expect(await host.shell('ip -d -o link show uplink.10')).toContain('vlan protocol 802.1Q id 10')
      await root.remove(tagged)
      expect(await host.traces()).toBe(before)
    },
  )

  it('refuse a parent that is not there', async () => {
    const nowhere = network(1, { driver: 'macvlan', mode: 'bridge', interface: 'nothing0' })
    await expect(host.root(rootId).create(nowhere)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('ensure', () => {
  it('makes again what a flush of the ruleset has removed, with all ports', async () => {
    const root = host.root(rootId)
    await root.create(one)
    const server = await host.server(root, endpoint(one, 2))
    await host.shell('nft flush ruleset')
    await root.ensure([one], () => ({ ...wanted(one), ports: [port] }))
    expect(await host.namespaces.connect(host.here, '127.0.0.1', 8080, patience)).toBe('172.21.0.1')
    expect(await host.namespaces.connect(server, '172.21.0.1', 8080, patience)).toBe('172.21.0.1')
  })

  it('leaves no road to a container that has ended while all was made again', async () => {
    const root = host.root(rootId)
    await root.create(one)
    await host.shell('nft flush ruleset')
    const looks = [{ ...wanted(one), ports: [port] }, wanted(one)]
    await root.ensure([one], () => looks.shift() ?? wanted(one))
    expect(await host.shell('nft list ruleset')).not.toContain('8080')
  })

  it('makes the road to a container that was just starting, and whose own went with the old table', async () => {
    const root = host.root(rootId)
    await root.create(one)
    await host.shell('nft flush ruleset')
    const starting = { ...wanted(one), isChanging: true }
    const looks = [starting, starting, starting]
    await root.ensure([one], () => looks.shift() ?? { ...wanted(one), ports: [port] })
    expect(await host.shell('nft list ruleset')).toContain('tcp . 8080 : 172.21.0.2 . 80')
  })

  it('makes a bridge again that was deleted, and puts its containers back on it', async () => {
    const root = host.root(rootId)
    await root.create(one)
    const server = await host.server(root, endpoint(one, 2))
    const client = await host.server(root, endpoint(one, 3))
    await host.shell('ip link delete br-1')
    await root.ensure([one], () => wanted(one))
    expect(await host.namespaces.connect(client, '172.21.0.2', 80, patience)).toBe('172.21.0.3')
    expect(await host.namespaces.connect(host.here, 'fd00:1::2', 80, patience)).toBe('fd00:1::1')
    expect(await host.namespaces.connect(server, '172.21.0.3', 80, patience)).toBe('172.21.0.2')
  })

  it('makes exceptions in chains that others have made, or flushed, since', async () => {
    const root = host.root(rootId)
    await root.create(one)
    await dropAsDocker()
    await root.ensure([one], () => wanted(one))
    const excepted = await host.shell('iptables -S FORWARD')
    expect(excepted).toMatch(
      /-A FORWARD -o br-1 .*-j ACCEPT\n-A FORWARD -i br-1 .*-j ACCEPT\n-A FORWARD -j DOCKER-USER/,
    )
    await host.shell('iptables -F FORWARD')
    await root.ensure([one], () => wanted(one))
    expect(await host.shell('iptables -S FORWARD')).toContain('-o br-1')
  })

  it('changes nothing when nothing is missing', async () => {
    await dropAsDocker()
    const root = host.root(rootId)
    await root.create(one)
    const before = await host.traces()
    await Promise.all([root.ensure([one], () => wanted(one)), host.root(rootId).ensure([one], () => wanted(one))])
    expect(await host.traces()).toBe(before)
  })

  it('makes the host a router again that has been switched off, and guards it', async () => {
    await beRouter(1)
    const root = host.root(rootId)
    await root.create(one)
    expect(await host.shell('nft list ruleset')).not.toContain('chain guard')
    await beRouter(0)
    await root.ensure([one], () => wanted(one))
    expect(await isRouter()).toEqual(['1', '1'])
    expect(await host.shell('nft list ruleset')).toMatch(/chain guard4[\s\S]*chain guard6/)
    await root.remove(one)
    expect(await isRouter()).toEqual(['0', '0'])
  })

  it('lets several processes repair at once', async () => {
    const runRoot = host.directory()
    const roots = Array.from({ length: 4 }, () => host.root(rootId, runRoot))
    await Promise.all(roots.map((root) => root.ensure([one, two], () => wanted(one, two))))
    await host.shell('nft flush ruleset; ip link delete br-2')
    await Promise.all(roots.map((root) => root.ensure([two], () => wanted(one, two))))
    const ruleset = await host.shell('nft list ruleset')
    expect(ruleset.match(/chain arrive-br-[12]/g)).toHaveLength(2)
    expect(await host.shell('ip -o link show type bridge')).toMatch(/br-1[\s\S]*br-2|br-2[\s\S]*br-1/)
  })
})

describe('reload', () => {
  it('makes all of it again, and removes what is no network any more', async () => {
    const root = host.root(rootId)
    await root.create(one)
    await root.create(two)
    await root.reload(() => wanted(two))
    expect(await host.shell('ip -o link show type bridge')).not.toContain('br-1')
    expect(await host.shell('nft list ruleset')).not.toContain('br-1')
    expect(await host.shell('nft list ruleset')).toContain('arrive-br-2')
  })
})

describe('exceptions', () => {
  it('are made where the last rule refuses all that is left', async () => {
    await host.shell('nft add table inet firewalld')
    await host.shell("nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }'")
    await host.shell('nft add rule inet firewalld filter_FORWARD ct state established accept')
    await host.shell('nft add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited')
    const before = await host.shell('nft list table inet firewalld')
    const root = host.root(rootId)
    await root.create(one)
    expect(await host.shell('nft list table inet firewalld')).toContain('oifname "br-1" accept')
    await root.remove(one)
    expect(await host.shell('nft list table inet firewalld')).toBe(before)
  })

  it('are not made where what is left passes', async () => {
    await host.shell('iptables -A FORWARD -s 10.0.0.0/8 -j DROP')
    await host.root(rootId).create(one)
    expect(await host.shell('iptables -S FORWARD')).not.toContain('br-1')
  })
})

describe('attach and detach', () => {
  it('give a running container a second interface, and move the default routes when the first goes', async () => {
    const root = host.root(rootId)
    await root.create(one)
    await root.create(two)
    const container = await host.container()
    const [first, second] = [endpoint(one, 2), endpoint(two, 2, 'eth1')]
    await host.attach(root, first, container)
    await host.attach(root, { ...second, defaultRoute: { ipv4: false, ipv6: false } }, container)
    const routes = async () => (await host.namespaces.run(container, 'sh', '-c', 'ip route; ip -6 route')).stdout
    expect(await routes()).toMatch(/default via 172\.21\.0\.1 dev eth0[\s\S]*default via fd00:1::1 dev eth0/)
    await host.detach(root, first, container, second)
    expect(await routes()).toMatch(/default via 172\.22\.0\.1 dev eth1[\s\S]*default via fd00:2::1 dev eth1/)
    await host.detach(root, second, container)
    await host.detach(root, second, container)
    expect(await host.shell('ip -o link show type veth')).toBe('')
  })

  it('leave nothing of an interface that cannot be made', async () => {
    const root = host.root(rootId)
    await root.create(one)
    const container = await host.container()
    const link = endpoint(one, 2, 'lo')
    await expect(host.attach(root, link, container)).rejects.toMatchObject({ code: 'SYSCALL_FAILED' })
    expect(await host.shell('ip -o link show type veth')).toBe('')
  })

  it('say that a bridge is full', async () => {
    const root = host.root(rootId)
    await root.create(one)
    // As quickly as ip(8) can: 1,023 ports.
    await host.shell(
      'for i in $(seq 512); do echo link add f$i group 7 type veth peer name g$i group 7; done | ip -batch -',
    )
    await host.shell('for i in $(seq 512); do echo link set f$i master br-1; done | ip -batch -')
    await host.shell('for i in $(seq 511); do echo link set g$i master br-1; done | ip -batch -')
    const failure = { name: 'ConflictError', code: 'NETWORK_FULL', message: expect.stringContaining('1,023') }
    await expect(host.attach(root, endpoint(one, 2), await host.container())).rejects.toMatchObject(failure)
    await host.shell('ip link delete group 7')
    expect(await host.shell('ip -o link show type veth')).toBe('')
  })
})

describe('occupied', () => {
  it('has the subnets of addresses and routes, but not the default route', async () => {
    await host.outside(2)
    await host.shell('ip route add 10.1.0.0/16 via 192.0.2.2; ip route add default via 192.0.2.2')
    const occupied = (await host.root(rootId).occupied()).map(formatSubnet)
    expect(occupied).toEqual(expect.arrayContaining(['192.0.2.0/24', '10.1.0.0/16', '127.0.0.0/8']))
    expect(occupied).not.toContain('0.0.0.0/0')
  })

  it('leaves out an interface that is to be made again', async () => {
    const root = host.root(rootId)
    await root.create(one)
    expect((await root.occupied()).map(formatSubnet)).toContain('172.21.0.0/16')
    expect((await root.occupied('br-1')).map(formatSubnet)).not.toContain('172.21.0.0/16')
  })
})

describe('firewall sockets', () => {
  it('are given again after they were given back', async () => {
    const root = host.root(rootId)
    const [first, second] = [root.takeFirewallSocket(), root.takeFirewallSocket()]
    expect(second).not.toBe(first)
    root.giveFirewallSocket(first)
    expect(root.takeFirewallSocket()).toBe(first)
    root.giveFirewallSocket(first)
    root.giveFirewallSocket(second)
  })
})
