import { StringDecoder } from 'node:string_decoder'
import { type HeldBytes, HeldOutput } from './held-output.js'

/** A step of the transcript: `Step 2/5 : RUN make`, and what comes of it. */
export class StepLine {
  readonly instruction: string
  /** Of the Dockerfile; undefined for what is in none. */
  readonly line: number | undefined
  readonly held: HeldOutput
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  /** Its name was written. */
  isShown = false
  /** Something has come of it. */
  hasBegun = false
  hasFailed = false
  /** Results that are to come: of itself, and of triggers. */
  awaited = 1

  constructor(instruction: string, line: number | undefined, held: HeldBytes) {
    this.instruction = instruction
    this.line = line
    this.held = new HeldOutput(held)
  }

  /** Output as text: a character may come in two pieces. */
  text(stream: 'stdout' | 'stderr', data: Buffer): string {
    return shown(stream, this.#decoders[stream].write(data))
  }

  /** What is left of characters that never came whole. */
  rest(): string[] {
    const streams = ['stdout', 'stderr'] as const
    return streams.map((stream) => shown(stream, this.#decoders[stream].end())).filter((text) => text !== '')
  }
}

/** Errors are red, as the classic builder has them. */
function shown(stream: 'stdout' | 'stderr', text: string): string {
  return stream === 'stdout' || text === '' ? text : `\x1b[91m${text}\x1b[0m`
}
