import type { TestContext } from 'vitest'
import type { Place } from '../testing/place.js'

/** Gives the last error of a test that has failed the logs of what the test has used, as its deepest cause. */
export async function attachLogs(task: TestContext['task'], place: Place): Promise<void> {
  const error = task.result?.state === 'fail' ? task.result.errors?.at(-1) : undefined
  if (!error) return
  // By the names that the test, its hooks and its other fixtures have asked for.
  const logs = await place.logs((name) => name in task.context)
  if (logs) deepest(error).cause = { name: 'Logs of containers', message: logs, stack: '' }
}

interface Failure {
  cause?: unknown
}

function deepest(error: Failure): Failure {
  return error.cause !== null && typeof error.cause === 'object' ? deepest(error.cause) : error
}
