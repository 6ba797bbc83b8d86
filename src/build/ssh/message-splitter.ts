import { maxMessageBytes } from './agent.js'
import { WireError } from './wire.js'

const headBytes = 4

/** Cuts a stream into the messages of the agent protocol, whose lengths come before them. */
export class MessageSplitter {
  #held: Buffer = Buffer.alloc(0)

  /** @throws {WireError} a message is empty, or longer than one may be: what follows means nothing */
  push(chunk: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const messages: Buffer[] = []
    for (let end = this.#end(); end <= this.#held.length; end = this.#end()) {
      messages.push(this.#held.subarray(headBytes, end))
      this.#held = this.#held.subarray(end)
    }
    return messages
  }

  /** Of the message that begins what is held, as far as it is known. */
  #end(): number {
    if (this.#held.length < headBytes) return headBytes
    const length = this.#held.readUInt32BE()
    if (length === 0 || length > maxMessageBytes) throw new WireError(`a message of ${length} bytes`)
    return headBytes + length
  }
}
