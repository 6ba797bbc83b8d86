import type { Readiness, WaitStrategy, WaitTarget } from '../container/wait-strategy.js'
import { messageOf, strategyOf } from './strategy.js'

/**
 * Ready when all of them are, which are waited for at the same time.
 *
 * @example
 * ```ts
 * const db = await engine.run('postgres:15').waitFor(all(port(5432), log(/ready to accept/, { times: 2 })))
 * ```
 */
export function all(...ready: readonly Readiness[]): WaitStrategy {
  const strategies = ready.map(strategyOf)
  return {
    description: describe(strategies, ' and '),
    settlesAtExit: strategies.length > 0 && strategies.every(({ settlesAtExit }) => settlesAtExit),
    wait: (target) =>
      within(target, async (inner) => void (await Promise.all(strategies.map((strategy) => begin(strategy, inner))))),
  }
}

/**
 * Ready as soon as one of them is; never when none of them will be.
 *
 * @example
 * ```ts
 * await engine.run('job').waitFor(any(file('/tmp/ready'), exit(0)))
 * ```
 */
export function any(...ready: readonly Readiness[]): WaitStrategy {
  const strategies = ready.map(strategyOf)
  return {
    description: describe(strategies, ' or '),
    settlesAtExit: strategies.some(({ settlesAtExit }) => settlesAtExit),
    wait: (target) =>
      within(target, async (inner) => {
        try {
          await Promise.any(strategies.map((strategy) => begin(strategy, inner)))
        } catch (error) {
          target.signal.throwIfAborted()
          const { errors = [error] } = error as Partial<AggregateError>
          throw new Error(errors.map(messageOf).join('; ') || 'there is nothing to wait for', { cause: error })
        }
      }),
  }
}

const describe = (strategies: readonly WaitStrategy[], word: string) => {
  const isOne = strategies.length === 1
  return strategies
    .map(({ description }) => (!isOne && / (and|or) /.test(description) ? `(${description})` : description))
    .join(word)
}

/** A strategy that throws at once rejects as well. */
const begin = async (strategy: WaitStrategy, target: WaitTarget): Promise<void> => strategy.wait(target)

/** Those that are not needed any more are ended. */
async function within(target: WaitTarget, body: (inner: WaitTarget) => Promise<void>): Promise<void> {
  const over = new AbortController()
  try {
    const { container, startedAt } = target
    const signal = AbortSignal.any([target.signal, over.signal])
    await body({ container, startedAt, signal, attempted: (what) => target.attempted(what) })
  } finally {
    over.abort()
  }
}
