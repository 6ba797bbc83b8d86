import { type Address, addressBytes, addressFromBytes, equalAddresses, type Family } from './address.js'
import { type Answer, type Attributes, checkObeyed, readAttributes, refusals } from './answers.js'
import { attribute, be16, dumpRequest, type Message, nested, request, u32 } from './messages.js'
import type { NetlinkSocket } from './netlink-socket.js'
import type { PublishedPort } from './ruleset.js'

/** Connections that the kernel tracks. Numbers of <linux/netfilter/nfnetlink_conntrack.h>. */
const GET = 0x101
const DELETE = 0x102
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_ID = 12
const CTA_ZONE = 18
const CTA_FILTER = 25
const CTA_FILTER_ORIG_FLAGS = 1
const CTA_FILTER_REPLY_FLAGS = 2
const CTA_TUPLE_IP = 1
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const sourceAttribute = { 4: 1, 6: 3 } as const
const IPPROTO_UDP = 17
/** What of a tuple is compared. */
const F_SOURCE = 0x1
const F_PROTOCOL = 0x8
const F_DESTINATION_PORT = 0x20
const headerLength = 4
const nothing = Buffer.alloc(0)
/** As many answers fit into what one exchange gives. */
const deletionsAtOnce = 64

/**
 * What the kernel remembers of an address' connections, or of a port's. Who has it next must not be taken for who had it: an
 * answer that was let through then would be let through still, and a port would lead where it led.
 */
export class Flows {
  constructor(private readonly socket: NetlinkSocket) {}

  /** Forgets the connections that these have opened, and those that were opened to them. */
  async forgetAddresses(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses) {
      for (const tuple of [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY] as const)
        await this.#forget(address.family, fromAddress(tuple, address), (flow) => isOf(sourceOf(flow, tuple), address))
    }
  }

  /** Forgets who sends datagrams to these ports, and is led elsewhere. */
  async forgetOthersOf(ports: readonly PublishedPort[]): Promise<void> {
    for (const { protocol, hostPort, address } of ports) {
      if (protocol !== 'udp') continue
      await this.#forget(
        address.family,
        toPort(hostPort),
        (flow) => isTo(flow, hostPort) && !isOf(sourceOf(flow, CTA_TUPLE_REPLY), address),
      )
    }
  }

  /** A kernel before 5.8 filters nothing. */
  async #forget(family: Family, filter: Uint8Array[], isMeant: (flow: Attributes) => boolean): Promise<void> {
    const answers = await this.socket.dump('connections', dumpRequest(GET, header(family), ...filter))
    const flows = answers.map(({ body }) => readAttributes(body, headerLength)).filter(isMeant)
    for (let at = 0; at < flows.length; at += deletionsAtOnce) {
      const messages = flows.slice(at, at + deletionsAtOnce).map((flow) => deletion(family, flow))
      checkGone(await this.socket.exchange(messages))
    }
  }
}

/** Those that have ended by themselves meanwhile are gone, too. */
function checkGone(answers: readonly Answer[]): void {
  if (refusals(answers).some(({ errno }) => errno !== 'ENOENT')) checkObeyed('connections', answers)
}

function header(family: Family): Uint8Array {
  return Buffer.from([family === 4 ? 2 : 10, 0, 0, 0])
}

function fromAddress(tuple: 1 | 2, address: Address): Uint8Array[] {
  const source = attribute(sourceAttribute[address.family], addressBytes(address))
  return [nested(tuple, nested(CTA_TUPLE_IP, source)), compared(tuple, F_SOURCE)]
}

function toPort(port: number): Uint8Array[] {
  const service = [attribute(CTA_PROTO_NUM, Buffer.from([IPPROTO_UDP])), attribute(CTA_PROTO_DST_PORT, be16(port))]
  const tuple = nested(CTA_TUPLE_ORIG, nested(CTA_TUPLE_PROTO, ...service))
  return [tuple, compared(CTA_TUPLE_ORIG, F_PROTOCOL | F_DESTINATION_PORT)]
}

function compared(tuple: 1 | 2, flags: number): Uint8Array {
  return nested(
    CTA_FILTER,
    attribute(CTA_FILTER_ORIG_FLAGS, u32(tuple === CTA_TUPLE_ORIG ? flags : 0)),
    attribute(CTA_FILTER_REPLY_FLAGS, u32(tuple === CTA_TUPLE_REPLY ? flags : 0)),
  )
}

function partOf(flow: Attributes, tuple: 1 | 2, part: 1 | 2): Attributes {
  return readAttributes(readAttributes(flow.get(tuple) ?? nothing).get(part) ?? nothing)
}

function isTo(flow: Attributes, port: number): boolean {
  const service = partOf(flow, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO)
  return service.get(CTA_PROTO_NUM)?.[0] === IPPROTO_UDP && service.get(CTA_PROTO_DST_PORT)?.readUInt16BE() === port
}

function sourceOf(flow: Attributes, tuple: 1 | 2): Uint8Array | undefined {
  const addresses = partOf(flow, tuple, CTA_TUPLE_IP)
  return addresses.get(sourceAttribute[4]) ?? addresses.get(sourceAttribute[6])
}

function isOf(bytes: Uint8Array | undefined, address: Address): boolean {
  return bytes !== undefined && equalAddresses(addressFromBytes(bytes), address)
}

function deletion(family: Family, flow: Attributes): Message {
  const [tuple, id, zone] = [flow.get(CTA_TUPLE_ORIG), flow.get(CTA_ID), flow.get(CTA_ZONE)]
  return request(
    DELETE,
    0,
    header(family),
    nested(CTA_TUPLE_ORIG, tuple ?? nothing),
    ...(id ? [attribute(CTA_ID, id)] : []),
    ...(zone ? [attribute(CTA_ZONE, zone)] : []),
  )
}
