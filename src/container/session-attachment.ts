import type { Writable } from 'node:stream'
import { DetachScanner } from './detach-keys.js'
import { noInput, SessionOutput, type SessionStreams, sessionInput } from './streams.js'
import type { StreamSession } from './waiting-session.js'

export interface SessionAttachmentOptions {
  readonly stdin: boolean
  /** What ends it when it is typed: of a terminal only, as under Docker. */
  readonly keys: Buffer | undefined
  /** What comes before the session's own output. */
  readonly before?: (output: SessionOutput) => Promise<void>
  /** The program is let go of while it runs. */
  readonly onLetGo?: () => void
}

/** Streams on a supervisor's session, from when it attaches until the program has ended or is let go of. */
export class SessionAttachment implements SessionStreams {
  readonly stdin: Writable
  readonly stdout: SessionOutput['stdout']
  readonly stderr: SessionOutput['stderr']
  /** true: it was let go of; false: the program has ended before. */
  readonly detached: Promise<boolean>
  readonly #session: StreamSession
  readonly #output: SessionOutput
  readonly #begun: Promise<void>
  readonly #onLetGo: (() => void) | undefined
  #settle!: (detached: boolean) => void
  #isOver = false

  /** @param ended resolves when the program has ended, after its last output */
  constructor(
    session: StreamSession,
    ended: Promise<unknown>,
    { stdin, keys, before, onLetGo }: SessionAttachmentOptions,
  ) {
    this.#session = session
    this.#onLetGo = onLetGo
    this.#output = new SessionOutput(session)
    this.stdout = this.#output.stdout
    this.stderr = this.#output.stderr
    const detaching = keys && { scanner: new DetachScanner(keys), onDetach: () => this.letGo() }
    this.stdin = stdin ? sessionInput(session, detaching) : noInput()
    this.detached = new Promise((resolve) => {
      this.#settle = resolve
    })
    // As long as someone is attached, the process stays.
    void session.hold(this.detached)
    this.#begun = before ? this.#begin(before) : Promise.resolve(this.#output.listen())
    void ended.then(() => this.#begun).then(() => this.#end(false))
  }

  /** The program runs on, and nobody here hears of it. Doing it twice is harmless. */
  letGo(): void {
    if (this.#isOver) return
    this.#session.send({ type: 'attach', streams: 0 })
    this.#end(true)
    this.#onLetGo?.()
  }

  async #begin(before: (output: SessionOutput) => Promise<void>): Promise<void> {
    try {
      await before(this.#output)
      if (!this.#isOver) this.#output.listen()
    } catch (error) {
      this.stdout.destroy(error as Error)
      this.letGo()
    }
  }

  #end(detached: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#output.end()
    this.stdin.destroy()
    this.#settle(detached)
  }
}
