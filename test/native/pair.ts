import type { PlanWriter } from '../../src/launch/protocol.gen.js'
import { parseAddress } from '../../src/network/address.js'
import { createVeth, raiseLink } from '../../src/network/links.js'
import { encodeMessages } from '../../src/network/messages.js'
import { addAddress, addRoute, everywhere } from '../../src/network/routes.js'
import { type Filling, writeBatch } from './container-plan.js'

/** What stands for numbers that only the supervisor knows. */
const someIndex = 0x7e57_0001
const someNamespace = 0x7e57_0002
let made = 0

/** A batch and what the supervisor puts into it. */
export interface Batch {
  readonly messages: Uint8Array
  readonly filling: Filling
}

/**
 * Makes a pair between `bridge0` and the container. Its name is new each time: those of containers that have ended go with
 * their namespaces, some time later.
 */
export function pairOnBridge(): Batch {
  const name = `veth${made++}`
  const peer = { name: 'eth0', namespace: someNamespace }
  const messages = encodeMessages(createVeth({ name, master: someIndex, ipv6: false, peer }))
  const [namespaceAt = 0] = placesOf(someNamespace, messages)
  return { messages, filling: { link: 'bridge0', linkAt: placesOf(someIndex, messages), namespaceAt } }
}

/** Raises eth0 and gives it 10.9.8.7, by way of 10.9.8.1. */
export function configureEth0(): Batch {
  const messages = encodeMessages([
    ...raiseLink(someIndex, false),
    addAddress(someIndex, parseAddress('10.9.8.7'), 24),
    addRoute({ destination: everywhere(4), gateway: parseAddress('10.9.8.1') }),
  ])
  return { messages, filling: { link: 'eth0', linkAt: placesOf(someIndex, messages) } }
}

/** Both. */
export function connectToBridge(plan: PlanWriter): void {
  const [pair, configuration] = [pairOnBridge(), configureEth0()]
  writeBatch(plan, 'host', pair.messages, pair.filling)
  writeBatch(plan, 'container', configuration.messages, configuration.filling)
}

/** Where a number stands in messages. */
function placesOf(number: number, messages: Uint8Array): number[] {
  const words = new Uint32Array(Uint8Array.from(messages).buffer)
  return [...words.keys()].filter((at) => words[at] === number).map((at) => at * 4)
}
