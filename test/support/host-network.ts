import { closeSync, mkdtempSync, openSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatMac, macOf, parseAddress } from '../../src/network/address.js'
import type { KernelNetwork, NetworkDefinition } from '../../src/network/definition.js'
import { Namespaces, type Run } from '../../src/network/fixture.js'
import { openHostNetwork } from '../../src/network/host-network.js'
import type { EndpointLink, HostNetwork, WantedState } from '../../src/network/host-network-types.js'
import { bridge } from './network-definition.js'

/** The network 172.<20+at>.0.0/16 and fd00:<at>::/64, with the bridge br-<at>. */
export function network(at: number, options: Partial<NetworkDefinition> = {}): KernelNetwork {
  const subnets = [
    { subnet: `172.${20 + at}.0.0/16`, gateway: `172.${20 + at}.0.1` },
    { subnet: `fd00:${at}::/64`, gateway: `fd00:${at}::1` },
  ]
  const id = `${at}`.padEnd(64, 'a')
  return { id, definition: { ...bridge, ipv6: true, subnets, interface: `br-${at}`, ...options } }
}

/** A place on it: 172.<20+at>.0.<last> and fd00:<at>::<last>. */
export function endpoint(of: KernelNetwork, last: number, name = 'eth0'): EndpointLink {
  const at = Number(of.id.replace(/a+$/, ''))
  const ipv4 = `172.${20 + at}.0.${last}`
  const isBridge = of.definition.driver === 'bridge'
  return {
    network: of,
    endpoint: {
      id: `${at}f${last}f`.padEnd(64, 'e'),
      ipv4,
      ipv6: `fd00:${at}::${last}`,
      mac: formatMac(macOf(parseAddress(ipv4))),
      hostInterface: isBridge ? `veth${at}-${last}` : '',
      interface: name,
    },
    defaultRoute: { ipv4: true, ipv6: true },
  }
}

export function wanted(...networks: readonly KernelNetwork[]): WantedState {
  return { networks, ports: [], links: [], isChanging: false }
}

/** The network namespace of the test, as the host of some roots, and what is connected to it. */
export class TestHost implements AsyncDisposable {
  private readonly directories: string[] = []
  private readonly opened: HostNetwork[] = []

  private constructor(
    readonly namespaces: Namespaces,
    /** This process's namespace. */
    readonly here: number,
  ) {}

  static async start(): Promise<TestHost> {
    // Never the machine's own.
    if (process.env.INBOARD_OWN_NETWORK !== readlinkSync('/proc/thread-self/ns/net'))
      throw new Error('the test is in the network of the machine')
    const namespaces = Namespaces.start()
    return new TestHost(namespaces, await namespaces.open(`/proc/${process.pid}/ns/net`))
  }

  /** Another process's view of a root, unless `runRoot` is a new one. */
  root(rootId: string, runRoot = this.directory()): HostNetwork {
    const host = openHostNetwork({ rootId, runRoot })
    this.opened.push(host)
    return host
  }

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'inboard-network-'))
    this.directories.push(directory)
    return directory
  }

  /** A running container without a network but its loopback. */
  async container(): Promise<number> {
    const namespace = await this.namespaces.make()
    await this.namespaces.run(namespace, 'ip', 'link', 'set', 'lo', 'up')
    return namespace
  }

  async attach(host: HostNetwork, link: EndpointLink, namespace: number): Promise<void> {
    await this.entered(namespace, (descriptor) => host.attach(link, descriptor))
  }

  async detach(host: HostNetwork, link: EndpointLink, namespace: number, next?: EndpointLink): Promise<void> {
    await this.entered(namespace, (descriptor) => host.detach(link, descriptor, next))
  }

  /** A container on a network, that serves port 80. */
  async server(host: HostNetwork, link: EndpointLink): Promise<number> {
    const namespace = await this.container()
    await this.attach(host, link, namespace)
    await this.namespaces.listen(namespace, link.endpoint.ipv4 ?? '', 80)
    await this.namespaces.listen(namespace, link.endpoint.ipv6 ?? '', 80)
    return namespace
  }

  /** Somebody else on a cable to the host: 192.0.<at>.2 and 2001:db8:<at>::2, who serves port 80 and asks the host for all ways. */
  async outside(at: number): Promise<number> {
    const namespace = await this.container()
    const cable = `cable${at}`
    await this.shell(`ip link add ${cable} type veth peer name eth0 netns ${this.namespaces.path(namespace)}`)
    await this.shell(`ip link set ${cable} addrgenmode none; ip link set ${cable} up`)
    // The host asks for its neighbours with a link-local address, which needs not be probed first.
    await this.shell(`ip address add 192.0.${at}.1/24 dev ${cable}; ip address add fe80::1/64 dev ${cable} nodad`)
    await this.shell(`ip address add 2001:db8:${at}::1/64 dev ${cable} nodad`)
    const lines = [
      'ip link set eth0 addrgenmode none; ip link set eth0 up',
      `ip address add 192.0.${at}.2/24 dev eth0; ip address add 2001:db8:${at}::2/64 dev eth0 nodad`,
      `ip route add default via 192.0.${at}.1; ip route add default via 2001:db8:${at}::1`,
    ]
    await this.namespaces.run(namespace, 'sh', '-ec', lines.join('\n'))
    await this.namespaces.listen(namespace, `192.0.${at}.2`, 80)
    await this.namespaces.listen(namespace, `2001:db8:${at}::2`, 80)
    return namespace
  }

  /** Runs lines of sh on the host; what they print. */
  async shell(script: string): Promise<string> {
    const { status, stdout, stderr }: Run = await this.namespaces.run(this.here, 'sh', '-ec', script)
    if (status !== 0) throw new Error(`${script}: ${stderr}`)
    return stdout
  }

  /** All that a root could leave on a host. */
  async traces(): Promise<string> {
    return await this.shell('nft list ruleset; ip -o link | sed "s/^[0-9]*: //"; ip route; ip -6 route')
  }

  /** Leaves nothing for the next test. */
  async clean(): Promise<void> {
    await this.shell('nft flush ruleset')
    const links = await this.namespaces.json<{ ifname: string }[]>(this.here, 'ip', '-j', 'link')
    const names = links.map(({ ifname }) => ifname).filter((name) => name !== 'lo')
    // With one end of a pair goes the other.
    await this.shell(names.map((name) => `ip link delete ${name} 2> /dev/null || true`).join('\n'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.opened) host.close()
    await this.namespaces[Symbol.asyncDispose]()
    for (const directory of this.directories) rmSync(directory, { recursive: true })
  }

  private async entered(namespace: number, use: (descriptor: number) => Promise<void>): Promise<void> {
    const descriptor = openSync(this.namespaces.path(namespace), 'r')
    try {
      await use(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }
}
