import { type Address, addressBytes, type Family } from './address.js'
import { type Answer, type Attributes, checkObeyed, readAttributes, refusals } from './answers.js'
import { attribute, dumpRequest, type Message, nested, request, u32 } from './messages.js'
import type { NetlinkSocket } from './netlink-socket.js'

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
const sourceAttribute = { 4: 1, 6: 3 } as const
/** Of a tuple, its source is compared. */
const F_SOURCE = 0x1
const headerLength = 4
/** Of the headers: with it the kernel looks at connections of the family only. */
const version = 1
const nothing = Buffer.alloc(0)
/** As many answers fit into what one exchange gives. */
const deletionsAtOnce = 64

type Tuple = typeof CTA_TUPLE_ORIG | typeof CTA_TUPLE_REPLY

/**
 * What the kernel remembers of an address' connections. Who has it next must not be taken for who had it: what was
 * let through then would be let through still, and a port would lead where it led.
 */
export class Flows {
  constructor(private readonly socket: NetlinkSocket) {}

  /** Forgets the connections that these have opened, and those that were opened to them. */
  async forget(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses)
      for (const tuple of [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY] as const) await this.#forget(tuple, address)
  }

  async #forget(tuple: Tuple, address: Address): Promise<void> {
    const answers = await this.socket.exchange([
      request(DELETE, 0, header(address.family), ...fromAddress(tuple, address)),
    ])
    // Before Linux 6.11 only one connection can be removed at a time.
    if (refusals(answers).some(({ errno }) => errno === 'EINVAL')) await this.#forgetEach(tuple, address)
    else checkGone(answers)
  }

  /** A kernel before 5.8 dumps them all. */
  async #forgetEach(tuple: Tuple, address: Address): Promise<void> {
    const dump = dumpRequest(GET, header(address.family), ...fromAddress(tuple, address))
    const flows = (await this.socket.dump('connections', dump))
      .map(({ body }) => readAttributes(body, headerLength))
      .filter((flow) => isFrom(flow, tuple, address))
    for (let at = 0; at < flows.length; at += deletionsAtOnce) {
      const messages = flows.slice(at, at + deletionsAtOnce).map((flow) => deletion(address.family, flow))
      checkGone(await this.socket.exchange(messages))
    }
  }
}

/** Those that have ended by themselves meanwhile are gone, too. */
function checkGone(answers: readonly Answer[]): void {
  if (refusals(answers).some(({ errno }) => errno !== 'ENOENT')) checkObeyed('connections', answers)
}

function header(family: Family): Uint8Array {
  return Buffer.from([family === 4 ? 2 : 10, version, 0, 0])
}

function fromAddress(tuple: Tuple, address: Address): Uint8Array[] {
  const source = attribute(sourceAttribute[address.family], addressBytes(address))
  return [nested(tuple, nested(CTA_TUPLE_IP, source)), compared(tuple)]
}

function compared(tuple: Tuple): Uint8Array {
  return nested(
    CTA_FILTER,
    attribute(CTA_FILTER_ORIG_FLAGS, u32(tuple === CTA_TUPLE_ORIG ? F_SOURCE : 0)),
    attribute(CTA_FILTER_REPLY_FLAGS, u32(tuple === CTA_TUPLE_REPLY ? F_SOURCE : 0)),
  )
}

function isFrom(flow: Attributes, tuple: Tuple, address: Address): boolean {
  const addresses = readAttributes(readAttributes(flow.get(tuple) ?? nothing).get(CTA_TUPLE_IP) ?? nothing)
  return addresses.get(sourceAttribute[address.family])?.equals(addressBytes(address)) === true
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
