import { raiseLoopbackLink } from './links.js'
import { encodeMessages } from './messages.js'

/** What a launch plan sends in a new network namespace that has nothing but its loopback interface. */
export function raiseLoopback(): Uint8Array {
  return encodeMessages([raiseLoopbackLink()])
}
