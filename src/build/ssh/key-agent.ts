import { type Agent, failure, messages } from './agent.js'
import type { PrivateKey } from './private-key.js'
import { string, uint32, WireReader } from './wire.js'

/** An agent that has keys of its own. */
export class KeyAgent implements Agent {
  readonly #keys: readonly PrivateKey[]

  constructor(keys: readonly PrivateKey[]) {
    this.#keys = keys
  }

  async answer(request: Buffer): Promise<Buffer> {
    const reader = new WireReader(request)
    switch (reader.byte()) {
      case messages.requestIdentities:
        return this.#identities()
      case messages.signRequest:
        return this.#sign(reader)
      default:
        return failure
    }
  }

  #identities(): Buffer {
    const keys = this.#keys.flatMap(({ blob, comment }) => [string(blob), string(comment)])
    return Buffer.concat([Buffer.of(messages.identitiesAnswer), uint32(this.#keys.length), ...keys])
  }

  #sign(reader: WireReader): Buffer {
    const [blob, data, flags] = [reader.string(), reader.string(), reader.uint32()]
    const key = this.#keys.find((one) => one.blob.equals(blob))
    if (!key || !reader.isAtEnd) return failure
    return Buffer.concat([Buffer.of(messages.signResponse), string(key.sign(data, flags))])
  }
}
