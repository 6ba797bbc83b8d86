import type { Container } from './container.js'

/** What a wait strategy is given. */
export interface WaitTarget {
  readonly container: Container
  /** When the program was started that is waited for. */
  readonly startedAt: Date
  /** Fires when it is not waited any more: what the strategy has begun is to be ended. */
  readonly signal: AbortSignal
  /** Notes what was tried, for the error that tells why it did not become ready. */
  attempted(what: string): void
}

/**
 * Knows when a container is ready: an object such as `inboard/wait` makes, or of your own.
 *
 * @example
 * ```ts
 * const migrated: WaitStrategy = {
 *   description: 'migrations',
 *   async wait({ container, signal }) {
 *     while ((await container.exec(['app', 'is-migrated']).signal(signal)).exitCode !== 0) await setTimeout(50)
 *   },
 * }
 * ```
 */
export interface WaitStrategy {
  /** For errors: `port 5432`. */
  readonly description: string
  /**
   * It knows by itself what it means that the container ends, and resolves or rejects then. Default false: waiting fails at
   * once when the container ends.
   */
  readonly settlesAtExit?: boolean
  /** Resolves when the container is ready; rejects when it will never be. */
  wait(target: WaitTarget): Promise<void>
}

/**
 * A strategy, or a function that is called until it does not return (or resolve to) `false`, with growing pauses; when it
 * throws, the container will never be ready.
 */
export type Readiness = WaitStrategy | ((target: WaitTarget) => unknown)
