import type { Exchange } from './exchange.js'

/**
 * An endpoint of the API. Its path is without the version, `:name` stands for one part of it, and `*name` for several, which must
 * not be the last: names of images have slashes.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly path: string
  /** Answers. What it throws is the answer, as {@link failureOf} has it. */
  handle(exchange: Exchange): Promise<void> | void
}
