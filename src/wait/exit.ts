import type { WaitStrategy, WaitTarget } from '../container/wait-strategy.js'

/**
 * Ready when the container has ended with an exit code: for jobs that others build on. Never, when it ends with another one.
 *
 * @param exitCode default 0
 *
 * @example
 * ```ts
 * await engine.run('me/app', ['migrate']).waitFor(exit(0))
 * ```
 */
export function exit(exitCode = 0): WaitStrategy {
  return {
    description: `exit code ${exitCode}`,
    settlesAtExit: true,
    async wait(target) {
      const code = (await exitCodeOf(target)) ?? 0
      target.attempted(`exit code ${code}`)
      if (code !== exitCode) throw new Error(`it has ended with exit code ${code}, not ${exitCode}`)
    },
  }
}

/** Undefined: nobody has told. */
async function exitCodeOf({ container, startedAt, signal }: WaitTarget): Promise<number | undefined> {
  try {
    return (await container.wait({ signal })).exitCode
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'CONTAINER_NOT_FOUND') throw error
  }
  // It has removed itself before anybody asked.
  let code: number | undefined
  for await (const { action, actor } of container.events({ since: startedAt, until: Date.now() + 1, signal }))
    if (action === 'die') code = Number(actor.attributes.exitCode)
  return code
}
