import type { WaitStrategy } from '../container/wait-strategy.js'
import { isPassing, longPauses, reasonOf, retry } from './strategy.js'

/** Options of {@link exec}. */
export interface ExecWaitOptions {
  /** What the command ends with when the container is ready. Default 0. */
  readonly exitCode?: number
  /** `name|uid[:group|gid]`. Default: the container's. */
  readonly user?: string
}

/**
 * Ready when a command that is run in the container ends with an exit code. Never, when there is no such program.
 *
 * @example
 * ```ts
 * const db = await engine.run('postgres:15').waitFor(exec(['pg_isready', '-h', '127.0.0.1']))
 * ```
 */
export function exec(command: readonly string[], { exitCode = 0, user }: ExecWaitOptions = {}): WaitStrategy {
  const description = `exec ${command.join(' ')}`
  return {
    description,
    wait: ({ container, signal, attempted }) =>
      retry({ signal }, longPauses, async () => {
        try {
          const result = await container.exec(command, { signal, ...(user !== undefined && { user }) })
          if (result.exitCode === exitCode) return true
          const said = (result.stderr || result.stdout).trim()
          attempted(`${description}: exit code ${result.exitCode}${said && `, ${said}`}`)
        } catch (error) {
          signal.throwIfAborted()
          if (!isPassing(error)) throw error
          attempted(`${description}: ${reasonOf(error)}`)
        }
        return false
      }),
  }
}
