import type { ProcessRequest } from '../host.js'
import { Mask, maskedTexts } from './run-mask.js'
import { OutputTail } from './run-tail.js'

type Log = ProcessRequest['onOutput']

/** What a program writes, without the values of secrets: told as it comes, and its end kept. */
export class RunOutput {
  readonly #log: Log
  readonly #masks: Readonly<Record<'stdout' | 'stderr', Mask>>
  readonly #tail = new OutputTail()

  constructor(secrets: readonly Uint8Array[], log: Log) {
    this.#log = log
    const texts = maskedTexts(secrets)
    this.#masks = { stdout: new Mask(texts), stderr: new Mask(texts) }
  }

  push(stream: 'stdout' | 'stderr', data: Buffer): Promise<void> | undefined {
    return this.#tell(stream, this.#masks[stream].push(data))
  }

  /** What was held, as it could have become a secret. */
  end(): void {
    this.#tell('stdout', this.#masks.stdout.end())
    this.#tell('stderr', this.#masks.stderr.end())
  }

  /** The last lines of both. */
  get tail(): string {
    return this.#tail.text
  }

  #tell(stream: 'stdout' | 'stderr', data: Buffer): Promise<void> | undefined {
    if (data.length === 0) return undefined
    this.#tail.push(data)
    return this.#log(stream, data)
  }
}
