import type { WaitStrategy } from '../container/wait-strategy.js'

/**
 * Ready when the container's health checks succeed. Never, when it has none, or so many fail in a row that it is unhealthy.
 *
 * @example
 * ```ts
 * const db = await engine.run('postgres:15').healthCmd('pg_isready').healthInterval('200ms').waitFor(healthy())
 * ```
 */
export function healthy(): WaitStrategy {
  return {
    description: 'health checks',
    wait: ({ container, signal }) => container.waitFor('healthy', { signal }),
  }
}
