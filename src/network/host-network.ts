import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withFileLock } from '../host/index.js'
import { type Family, parseAddress } from './address.js'
import type { ActiveEndpoint, KernelNetwork } from './definition.js'
import { Firewall } from './firewall.js'
import { FirewallSockets } from './firewall-sockets.js'
import { Flows } from './flows.js'
import { HostLinks } from './host-links.js'
import type { EndpointLink, HostNetwork, Roads, RoadsNow, WantedState } from './host-network-types.js'
import { dumpAddresses, dumpRoutes, occupiedSubnets, readAddresses, readRoutes } from './host-records.js'
import { disableForwarding, enableForwarding, hasFlows, isForwarding } from './kernel-parameters.js'
import { attachEndpoint, detachEndpoint } from './live-endpoint.js'
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.js'
import { followRoads } from './roads.js'
import { type LinkedPort, linkElements, type PublishedPort, portElements, tableName } from './ruleset.js'
import type { Subnet } from './subnet.js'

export interface HostNetworkOptions {
  /** Eight hex digits. */
  readonly rootId: string
  /**
   * All processes of the root share the file `networks` in it: its flock lets one at a time change networks, its content is
   * what the root has made of the host: `4` and `6` for each family whose packets it made the host forward. Its directory
   * `made` has a file for each network that the kernel has something of.
   */
  readonly runRoot: string
  /** What was left undone although all that was asked for is done. */
  readonly onWarning?: (error: unknown) => void
}

/** The networks of a root in the network namespace of the calling thread. Nothing is opened before it is needed. */
export function openHostNetwork(options: HostNetworkOptions): HostNetwork {
  return new KernelSide(options)
}

class KernelSide implements HostNetwork {
  readonly #route = new NetlinkSocket(NETLINK_ROUTE)
  readonly #filter = new NetlinkSocket(NETLINK_NETFILTER)
  readonly #sockets = new FirewallSockets()
  readonly #links: HostLinks
  readonly #firewall: Firewall
  readonly #flows: Flows
  readonly #lock: string
  readonly #made: string
  readonly #onWarning: ((error: unknown) => void) | undefined

  constructor({ rootId, runRoot, onWarning }: HostNetworkOptions) {
    this.#links = new HostLinks(this.#route, Number.parseInt(rootId, 16))
    this.#firewall = new Firewall(this.#filter, tableName(rootId))
    this.#flows = new Flows(this.#filter)
    this.#lock = join(runRoot, 'networks')
    this.#made = join(runRoot, 'made')
    this.#onWarning = onWarning
  }

  async occupied(besides?: string): Promise<Subnet[]> {
    const except = besides === undefined ? undefined : await this.#links.indexOf(besides)
    const [addresses, routes4, routes6] = await Promise.all([
      this.#route.dump('addresses', dumpAddresses()),
      this.#route.dump('routes', dumpRoutes(4)),
      this.#route.dump('routes', dumpRoutes(6)),
    ])
    const others = <Item extends { readonly link?: number }>(items: readonly Item[]) =>
      items.filter(({ link }) => link === undefined || link !== except)
    return occupiedSubnets(others(readAddresses(addresses)), others([...readRoutes(routes4), ...readRoutes(routes6)]))
  }

  async create(network: KernelNetwork): Promise<void> {
    if (!hasInterface(network)) return
    await this.#alone(async () => {
      const isNew = await this.#make(network)
      try {
        await this.#firewall.add(network, this.#forward([network]))
      } catch (error) {
        if (isNew) await this.#stopForwarding(network)
        if (isNew) await this.#unmake(network)
        throw error
      }
    })
  }

  async remove(network: KernelNetwork): Promise<void> {
    if (!hasInterface(network)) return
    await this.#alone(async () => {
      if (network.definition.driver === 'bridge') await this.#stopForwarding(network)
      await this.#firewall.remove(network)
      await this.#unmake(network)
    })
  }

  async ensure(networks: readonly KernelNetwork[], wanted: () => WantedState): Promise<void> {
    const needed = networks.filter(hasInterface)
    if (needed.length === 0 || (await this.#missing(needed)) === 'nothing') return
    const restored = await this.#alone(async () => {
      // Somebody else may have repaired it while this one waited.
      const missing = await this.#missing(needed)
      if (missing === 'exceptions') await this.#firewall.except(including(wanted(), needed).networks)
      if (missing === 'some') await this.#complete(needed)
      return missing === 'all' ? this.#restore(including(wanted(), needed), needed) : undefined
    })
    if (restored) await this.follow(restored, wanted)
  }

  async reload(wanted: () => WantedState): Promise<void> {
    const restored = await this.#alone(async () => {
      const state = wanted()
      await this.#links.sweep(state.networks)
      return this.#restore(state, state.networks)
    })
    await this.follow(restored, wanted)
  }

  async clear(networks: readonly KernelNetwork[]): Promise<void> {
    await this.#alone(async () => {
      await this.#stopForwarding()
      await this.#firewall.clear()
      await this.#links.removeAll()
      // What is left of them are addresses of bridges of others.
      for (const network of networks.filter(hasInterface)) await this.#links.remove(network)
      rmSync(this.#made, { recursive: true, force: true })
    })
  }

  attach(link: EndpointLink, namespace: number): Promise<void> {
    return attachEndpoint(this.#route, link, namespace)
  }

  detach(link: EndpointLink, namespace: number, next: EndpointLink | undefined): Promise<void> {
    return detachEndpoint(this.#route, link, namespace, next)
  }

  publish(ports: readonly PublishedPort[]): Promise<void> {
    return this.#firewall.put(portElements(ports))
  }

  unpublish(ports: readonly PublishedPort[]): Promise<void> {
    return this.#firewall.take(portElements(ports))
  }

  follow(put: Roads, now: () => RoadsNow): Promise<void> {
    return followRoads(this.#firewall, put, now)
  }

  openLinks(ports: readonly LinkedPort[]): Promise<void> {
    return this.#firewall.put(linkElements(ports))
  }

  closeLinks(ports: readonly LinkedPort[]): Promise<void> {
    return this.#firewall.take(linkElements(ports))
  }

  async retireEndpoints(endpoints: readonly ActiveEndpoint[], areMute: boolean): Promise<void> {
    if (endpoints.length === 0 || (areMute && !hasFlows())) return
    const unused = await this.#links.mute(endpoints.map(({ hostInterface }) => hostInterface))
    if (!hasFlows()) return
    const addresses = endpoints
      .filter(({ hostInterface }) => !unused.has(hostInterface))
      .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
    await this.#flows.forget(addresses.filter((text) => text !== undefined).map(parseAddress))
  }

  takeFirewallSocket(): number {
    return this.#sockets.take()
  }

  giveFirewallSocket(fd: number): void {
    this.#sockets.give(fd)
  }

  close(): void {
    this.#sockets.close()
    this.#filter.close()
    this.#route.close()
  }

  /** Marked before: what the kernel has something of is known to whoever undoes it natively. */
  async #make(network: KernelNetwork): Promise<boolean> {
    const mark = `${this.#made}/${network.id}`
    if (!existsSync(mark)) {
      mkdirSync(this.#made, { recursive: true, mode: 0o700 })
      writeFileSync(mark, '')
    }
    return this.#links.make(network)
  }

  async #unmake(network: KernelNetwork): Promise<void> {
    await this.#links.remove(network)
    rmSync(`${this.#made}/${network.id}`, { force: true })
  }

  async #missing(networks: readonly KernelNetwork[]): Promise<'nothing' | 'exceptions' | 'some' | 'all'> {
    const [links, rules] = await Promise.all([this.#links.missing(networks), this.#firewall.missing(networks)])
    // An interface without rules: those of all others have been removed with them.
    const isBare = rules.networks.some(({ id }) => !links.some((link) => link.id === id))
    if (rules.table || isBare) return 'all'
    // What this root found switched on, another one may have switched off since.
    if (links.length > 0 || familiesOf(networks).some((family) => !isForwarding(family))) return 'some'
    return rules.exceptions ? 'exceptions' : 'nothing'
  }

  /** Makes what is missing of these networks. What the table has of others, and of ports, stays. */
  async #complete(needed: readonly KernelNetwork[]): Promise<void> {
    for (const network of needed) {
      if (await this.#make(network)) await this.#links.reattach(network)
      await this.#firewall.add(network, this.#forward([network]))
    }
  }

  /** Makes all of it again. What fails of a network that is not needed now keeps nobody from the others. */
  async #restore(wanted: WantedState, needed: readonly KernelNetwork[]): Promise<Roads> {
    const made: KernelNetwork[] = []
    for (const network of wanted.networks.filter(hasInterface)) {
      try {
        if (await this.#make(network)) await this.#links.reattach(network)
        made.push(network)
      } catch (error) {
        if (needed.some(({ id }) => id === network.id)) throw error
        this.#onWarning?.(error)
      }
    }
    await this.#firewall.rebuild({ ...wanted, networks: made }, this.#forward(made))
    return wanted
  }

  /** Makes the host a router where these networks need one. Which families it forwards only because of this root. */
  #forward(networks: readonly KernelNetwork[]): Family[] {
    for (const family of familiesOf(networks)) {
      if (isForwarding(family)) continue
      // Before it is one: who comes after a crash knows whose router it is.
      appendFileSync(this.#lock, String(family))
      enableForwarding(family)
    }
    return this.#forwarded()
  }

  /**
   * Makes the host no router any more, if this root has made it one, before the rules go that guard it as such, with a
   * network or with all. While another root has rules it stays one: unguarded when it was this root that guarded it, and
   * for good, since the other has not made it a router.
   */
  async #stopForwarding(last?: KernelNetwork): Promise<void> {
    const families = this.#forwarded()
    if (families.length === 0 || !(await this.#firewall.isLast(last))) return
    for (const family of families) disableForwarding(family)
    truncateSync(this.#lock)
  }

  /** The families that the host forwards only because of this root. */
  #forwarded(): Family[] {
    const text = readFileSync(this.#lock, 'latin1')
    return ([4, 6] as const).filter((family) => text.includes(String(family)))
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return withFileLock(this.#lock, work)
  }
}

function hasInterface({ definition }: KernelNetwork): boolean {
  return definition.interface !== ''
}

/** The families that these networks' bridges are to be routed of. */
function familiesOf(networks: readonly KernelNetwork[]): Family[] {
  const bridges = networks.filter(({ definition }) => definition.driver === 'bridge')
  const has = (isIpv6: boolean) =>
    bridges.some(({ definition }) => definition.subnets.some(({ subnet }) => subnet.includes(':') === isIpv6))
  return ([4, 6] as const).filter((family) => has(family === 6))
}

function including(wanted: WantedState, networks: readonly KernelNetwork[]): WantedState {
  const known = new Set(wanted.networks.map(({ id }) => id))
  return { ...wanted, networks: [...wanted.networks, ...networks.filter(({ id }) => !known.has(id))] }
}
