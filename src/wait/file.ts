import type { WaitStrategy } from '../container/wait-strategy.js'
import { isPassing, longPauses, reasonOf, retry } from './strategy.js'

/**
 * Ready when there is a file, a directory or anything else at a path of the container.
 *
 * @example
 * ```ts
 * await engine.run('me/app').waitFor(file('/tmp/ready'))
 * ```
 */
export function file(path: string): WaitStrategy {
  const description = `file ${path}`
  return {
    description,
    wait: ({ container, signal, attempted }) =>
      retry({ signal }, longPauses, async () => {
        try {
          await container.stat(path, { signal })
          return true
        } catch (error) {
          signal.throwIfAborted()
          if (reasonOf(error) !== 'FILE_NOT_FOUND' && !isPassing(error)) throw error
          attempted(`${description}: ${reasonOf(error)}`)
          return false
        }
      }),
  }
}
