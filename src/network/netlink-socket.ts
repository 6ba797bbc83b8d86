import { close } from 'node:fs'
import { SyscallError } from '../errors/index.js'
import { native } from '../host/index.js'
import { type Answer, checkObeyed, dumped, readAnswers } from './answers.js'
import { encodeMessages, type Message } from './messages.js'
import { transaction } from './nftables.js'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12
/** A dump is repeated when others change what is dumped meanwhile. */
const dumpAttempts = 20

/** A netlink socket that is opened with the first exchange, and has one at a time. */
export class NetlinkSocket {
  #fd: number | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** @param namespace a descriptor of the network namespace; that of the calling thread when absent */
  constructor(
    private readonly protocol: number,
    private readonly namespace?: number,
  ) {}

  /** What the kernel answers to messages, refusals included. */
  exchange(messages: readonly Message[]): Promise<Answer[]> {
    return this.exchangeBytes(encodeMessages(messages))
  }

  /** The same with messages that are encoded. */
  exchangeBytes(messages: Uint8Array): Promise<Answer[]> {
    const answers = this.#last.then(() => this.#send(messages))
    this.#last = answers.catch(() => undefined)
    return answers
  }

  /** @throws {SyscallError} SYSCALL_FAILED when the kernel refuses one of them */
  async obey(what: string, messages: readonly Message[]): Promise<void> {
    if (messages.length > 0) checkObeyed(what, await this.exchange(messages))
  }

  /** Changes nftables by all of the messages, or not at all. */
  async commit(what: string, messages: readonly Message[]): Promise<void> {
    if (messages.length > 0) await this.obey(what, transaction(messages))
  }

  /** @throws {SyscallError} SYSCALL_FAILED when it is refused, or what is dumped never holds still */
  async dump(what: string, message: Message): Promise<readonly Answer[]> {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const objects = dumped(what, await this.exchange([message]))
      if (objects) return objects
    }
    throw new SyscallError(`${what}: EINTR: others change it all the time`, {
      code: 'SYSCALL_FAILED',
      details: { syscall: 'netlink', errno: 'EINTR' },
    })
  }

  /** After the exchange that is under way. Not on this thread: closing a socket may wait for what it has removed. */
  close(): void {
    void this.#last.then(() => {
      if (this.#fd !== undefined) close(this.#fd)
      this.#fd = undefined
    })
  }

  async #send(messages: Uint8Array): Promise<Answer[]> {
    this.#fd ??= native().netlinkOpen(this.protocol, this.namespace)
    return readAnswers(await native().netlinkExchange(this.#fd, messages))
  }
}
