import { ConflictError, InvalidOptionError } from '../errors/index.js'
import { type Address, equalAddresses, macOf, parseAddress } from './address.js'
import { checkObeyed, refusals } from './answers.js'
import { createDummy, createVlan } from './child-links.js'
import type { KernelNetwork, NetworkDefinition } from './definition.js'
import {
  dumpAddresses,
  dumpLinks,
  type Link,
  type LinkAddress,
  queryLink,
  queryPackets,
  readAddresses,
  readLinks,
} from './host-records.js'
import { restrictBridge } from './kernel-parameters.js'
import { attachPort, BR_STATE_DISABLED, createBridge, deleteLink, deleteLinks, mutePort, raiseLink } from './links.js'
import type { Message } from './messages.js'
import type { NetlinkSocket } from './netlink-socket.js'
import { addAddress, removeAddress } from './routes.js'
import { parseSubnet } from './subnet.js'

/** By which addresses are known that were added to a bridge of somebody else's. */
const origin = 0x1b
const linkLocalGateway = parseAddress('fe80::1')
const subinterface = /^(.+)\.(\d{1,4})$/

/** The interfaces that networks are made of. A root knows its own by their group, which they have from their first moment on. */
export class HostLinks {
  /** @param group the root's id, as a number */
  constructor(
    private readonly socket: NetlinkSocket,
    private readonly group: number,
  ) {}

  /** Undefined: there is none of this name. */
  async indexOf(name: string): Promise<number | undefined> {
    return (await this.#find(name))?.index
  }

  /** Which of these networks have no interface. */
  async missing(networks: readonly KernelNetwork[]): Promise<KernelNetwork[]> {
    const answers = await this.socket.exchange(networks.map(({ definition }) => queryLink(definition.interface)))
    const absent = new Set(refusals(answers).map(({ sequence }) => sequence))
    return networks.filter((_, at) => absent.has(at + 1))
  }

  /** Makes bridge ports mute that are not. Those by which no packet has come or gone; who is gone may have been used. */
  async mute(names: readonly string[]): Promise<Set<string>> {
    const links = readLinks(await this.socket.exchange(names.map(queryPackets)))
    const open = links.filter(({ portState }) => portState !== undefined && portState !== BR_STATE_DISABLED)
    await this.#obeyed(
      'bridge ports',
      open.map(({ index }) => mutePort(index)),
    )
    return new Set(links.filter(({ packets }) => packets === 0n).map(({ name }) => name))
  }

  /** Makes a network's interface, or completes what is there. Whether there was none. */
  make(network: KernelNetwork): Promise<boolean> {
    return network.definition.driver === 'bridge' ? this.#makeBridge(network) : this.#makeParent(network)
  }

  /** Removes what `make` has made. */
  async remove({ definition }: KernelNetwork): Promise<void> {
    const link = await this.#find(definition.interface)
    if (!link) return
    if (link.group === this.group) return this.#obeyed(`interface ${link.name}`, [deleteLink(link.index)])
    const ours = (await this.#addressesOf(link)).filter((address) => address.origin === origin)
    const removals = ours.map(({ address, prefix }) => removeAddress(link.index, address, prefix))
    await this.#obeyed(`addresses of ${link.name}`, removals)
  }

  /** Removes all interfaces of the root. */
  removeAll(): Promise<void> {
    return this.#obeyed('interfaces', [deleteLinks(this.group)])
  }

  /** Removes those of the root that are no network's. */
  async sweep(networks: readonly KernelNetwork[]): Promise<void> {
    const wanted = new Set(networks.map(({ definition }) => definition.interface))
    const links = readLinks(await this.socket.dump('interfaces', dumpLinks()))
    const lost = links.filter(({ name, group }) => group === this.group && !wanted.has(name))
    for (const { name, index } of lost) await this.#obeyed(`interface ${name}`, [deleteLink(index)])
  }

  /** Puts the containers' interfaces on a bridge that was removed by somebody and made again. */
  async reattach({ definition }: KernelNetwork): Promise<void> {
    const { interface: name, icc } = definition
    const links = readLinks(await this.socket.dump('interfaces', dumpLinks()))
    const master = links.find((link) => link.name === name)?.index
    if (master === undefined) return
    const ports = links.filter(({ kind, alias, master: has }) => kind === 'veth' && alias === name && has === undefined)
    for (const port of ports)
      await this.#obeyed(`bridge ${name}`, attachPort(port.name, { master, isolated: !icc, hairpin: true }))
  }

  async #makeBridge({ definition }: KernelNetwork): Promise<boolean> {
    const { interface: name, mtu } = definition
    const there = await this.#find(name)
    if (there && there.kind !== 'bridge') throw notABridge(name)
    const options = { name, mtu, mac: bridgeMac(definition), group: this.group, ipv6: false }
    try {
      await this.socket.obey(`bridge ${name}`, there ? raiseLink(name, true) : createBridge(options))
      await this.#complete(definition)
    } catch (error) {
      if (!there) await this.socket.exchange([deleteLink(name)])
      throw error
    }
    return !there
  }

  async #complete(definition: NetworkDefinition): Promise<void> {
    const { interface: name, icc } = definition
    const link = await this.#find(name)
    if (!link) throw removedMeanwhile(name)
    restrictBridge(name, icc)
    const has = await this.#addressesOf(link)
    const missing = gateways(definition).filter(
      ({ address }) => !has.some((other) => equalAddresses(other.address, address)),
    )
    const mark = link.group === this.group ? 0 : origin
    const additions = missing.map(({ address, prefix }) => addAddress(link.index, address, prefix, mark))
    await this.socket.obey(`addresses of ${name}`, additions)
  }

  /** Of macvlan and ipvlan: the parent is the host's, or a VLAN of an interface of the host's, or leads nowhere. */
  async #makeParent({ id, definition }: KernelNetwork): Promise<boolean> {
    const { interface: name } = definition
    if (await this.#find(name)) return false
    if (name === dummyName(id)) await this.#makeDummy(name)
    else await this.socket.obey(`interface ${name}`, [await this.#vlan(name)])
    await this.socket.obey(`interface ${name}`, raiseLink(name, false))
    return true
  }

  async #makeDummy(name: string): Promise<void> {
    const options = { name, group: this.group }
    const answers = await this.socket.exchange([createDummy('dummy', options)])
    // Where the kernel has none, it may have this, which drops what is sent as well.
    if (refusals(answers).some(({ errno }) => errno === 'ENOTSUP' || errno === 'EOPNOTSUPP'))
      await this.socket.obey(`interface ${name}`, [createDummy('ifb', options)])
    else checkObeyed(`interface ${name}`, answers)
  }

  async #vlan(name: string): Promise<Message> {
    const [, parent = '', tag = ''] = subinterface.exec(name) ?? []
    const link = parent === '' ? undefined : await this.#find(parent)
    if (!link || Number(tag) < 1 || Number(tag) > 4094) throw noParent(name)
    return createVlan({ name, group: this.group, parent: link.index, vlan: Number(tag) })
  }

  async #find(name: string): Promise<Link | undefined> {
    const answers = await this.socket.exchange([queryLink(name)])
    if (refusals(answers).some(({ errno }) => errno === 'ENODEV')) return
    checkObeyed(`interface ${name}`, answers)
    return readLinks(answers)[0]
  }

  async #addressesOf({ index }: Link): Promise<LinkAddress[]> {
    const addresses = readAddresses(await this.socket.dump('addresses', dumpAddresses()))
    return addresses.filter(({ link }) => link === index)
  }

  /** What is gone already is success. */
  async #obeyed(what: string, messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return
    const answers = await this.socket.exchange(messages)
    if (refusals(answers).some(({ errno }) => errno !== 'ENODEV' && errno !== 'EADDRNOTAVAIL'))
      checkObeyed(what, answers)
  }
}

/** The parent that Docker makes for macvlan and ipvlan networks that name none. */
function dummyName(id: string): string {
  return `dm-${id.slice(0, 12)}`
}

/** As long as the network has it, so that a bridge that is made again is known to those who asked for the old one. */
function bridgeMac(definition: NetworkDefinition): Uint8Array | undefined {
  const [gateway] = gateways(definition)
  return gateway && macOf(gateway.address)
}

/** The host's addresses on a bridge. One that forwards IPv6 needs a link-local address; Docker's is fe80::1. */
function gateways({ subnets }: NetworkDefinition): { address: Address; prefix: number }[] {
  const given = subnets.flatMap(({ subnet, gateway }) =>
    gateway === undefined ? [] : [{ address: parseAddress(gateway), prefix: parseSubnet(subnet).prefix }],
  )
  const isDual = given.some(({ address }) => address.family === 6)
  return isDual ? [...given, { address: linkLocalGateway, prefix: 64 }] : given
}

function notABridge(name: string): ConflictError {
  return new ConflictError(`existing interface ${name} is not a bridge: give the network's bridge another name`, {
    code: 'NETWORK_EXISTS',
    details: { interface: name },
  })
}

function removedMeanwhile(name: string): ConflictError {
  return new ConflictError(`the bridge ${name} was removed while it was set up: try again`, {
    code: 'NETWORK_IN_USE',
    details: { interface: name },
  })
}

function noParent(name: string): InvalidOptionError {
  const message = `invalid subinterface vlan name ${name}, example formatting is eth0.10: the host has no interface ${name}, and none to make it from`
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { parent: name } })
}
