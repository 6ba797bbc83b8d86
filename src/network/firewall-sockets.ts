import { close } from 'node:fs'
import { native } from '../host/index.js'
import { NETLINK_NETFILTER } from './netlink-socket.js'

/** How many idle ones are kept. */
const limit = 256

/** Sockets that supervisors change the firewall through. They are kept: who closes one after a removal waits for it to be done. */
export class FirewallSockets {
  readonly #idle: number[] = []
  #isClosed = false

  take(): number {
    return this.#idle.pop() ?? native().netlinkOpen(NETLINK_NETFILTER)
  }

  give(fd: number): void {
    if (this.#isClosed || this.#idle.length >= limit) close(fd)
    else {
      native().netlinkDrain(fd)
      this.#idle.push(fd)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const fd of this.#idle.splice(0)) close(fd)
  }
}
