import type { WaitStrategy } from '../container/wait-strategy.js'

/** Options of {@link log}. */
export interface LogWaitOptions {
  /** In so many lines. Default 1. */
  readonly times?: number
  /** Only what the program writes there. Default: both. */
  readonly stream?: 'stdout' | 'stderr'
}

/**
 * Ready when lines of the container's log, since its start, have a text or match a pattern: each line counts once. A container
 * that ends is ready, too, when it has written them.
 *
 * @param pattern a text that is part of the line, or a pattern; `^` and `$` are those of the line
 *
 * @example
 * ```ts
 * const db = await engine.run('postgres:15').waitFor(log(/ready to accept connections/, { times: 2 }))
 * ```
 */
export function log(pattern: RegExp | string, { times = 1, stream }: LogWaitOptions = {}): WaitStrategy {
  const matches = matcherOf(pattern)
  const shown = typeof pattern === 'string' ? JSON.stringify(pattern) : String(pattern)
  const description = `log ${shown}${times === 1 ? '' : ` ${times} times`}`
  return {
    description,
    settlesAtExit: true,
    async wait({ container, startedAt, signal, attempted }) {
      const which = { stdout: stream !== 'stderr', stderr: stream !== 'stdout' }
      const news = container.logs({ ...which, follow: true, since: startedAt, whole: true, signal })
      let found = 0
      for await (const entries of news.batches()) {
        const before = found
        found += entries.filter(({ text }) => matches(text.replace(/\r?\n$/, ''))).length
        if (found >= times) return
        if (found > before) attempted(`${description}: ${found} so far`)
      }
      throw new Error(`the log has ended without ${description}: ${found} so far`)
    },
  }
}

/** A pattern of flags `g` or `y` goes on where it has matched last, whoever uses it: this one begins anew, and is nobody else's. */
function matcherOf(pattern: RegExp | string): (line: string) => boolean {
  if (typeof pattern === 'string') return (line) => line.includes(pattern)
  const own = new RegExp(pattern.source, pattern.flags.replace('g', ''))
  return (line) => {
    own.lastIndex = 0
    return own.test(line)
  }
}
