import { stripVTControlCharacters } from 'node:util'
import type { Container } from '../index.js'

const lineCharacters = 1000

/** The end of a container's log. An ephemeral container that ends takes its log with it: it is followed meanwhile. */
export class ContainerLog {
  readonly #container: Container
  readonly #lines: number
  #followed: string[] = []

  /** @param lines how many of the last ones; each is cut after 1000 characters */
  constructor(container: Container, lines: number, signal: AbortSignal) {
    this.#container = container
    this.#lines = lines
    // It ends with the container, or the signal.
    if (lines > 0) this.#follow(signal).catch(() => {})
  }

  /** Its state and the lines, under a name. */
  async text(name: string): Promise<string> {
    const [state, lines] = await this.#now().catch(() => ['ended', this.#followed] as const)
    const shown = lines.map((line) => `  ${line.length > lineCharacters ? `${line.slice(0, lineCharacters)}…` : line}`)
    return lines.length === 0 ? `${name} (${state}) has logged nothing` : `${name} (${state}):\n${shown.join('\n')}`
  }

  async #now(): Promise<readonly [string, readonly string[]]> {
    const { State } = await this.#container.inspect()
    const log = await this.#container.logs({ tail: this.#lines }).text()
    return [State.Status === 'exited' ? `exited with ${State.ExitCode}` : State.Status, this.#last(linesOf(log))]
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const entries of this.#container.logs({ follow: true, tail: this.#lines, signal }).batches())
      this.#followed = this.#last([...this.#followed, ...entries.flatMap(({ text }) => linesOf(text))])
  }

  #last(lines: readonly string[]): string[] {
    return lines.slice(-this.#lines)
  }
}

function linesOf(log: string): string[] {
  const text = stripVTControlCharacters(log).trimEnd()
  return text === '' ? [] : text.split(/\r?\n/)
}
