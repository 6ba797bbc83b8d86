import { BuildError } from '../../errors/index.js'
import { quoted } from '../../errors/printable.js'
import type { ProcessResult } from '../host.js'

const maxShownLength = 1000

/** In BuildKit's words, also for one that was ended because it took more memory than it may. */
export function processFailed(args: readonly string[], result: ProcessResult, output: string): BuildError {
  const { exitCode, signal, oomKilled } = result
  const what = `process ${quoted(args.join(' '), maxShownLength)} did not complete successfully`
  return new BuildError(`${what}: exit code: ${exitCode}${oomKilled ? ': cannot allocate memory' : ''}`, {
    code: 'BUILD_FAILED',
    details: { args, exitCode, oomKilled, output, ...(signal !== 0 && { signal }) },
  })
}

/** What cannot be had that a step needs. */
export function stepFailed(message: string, details: Record<string, unknown> = {}): BuildError {
  return new BuildError(message, { code: 'BUILD_FAILED', details })
}

/** In BuildKit's words. */
export function notAllowed(entitlement: 'network.host' | 'security.insecure'): BuildError {
  return new BuildError(`${entitlement} is not allowed`, { code: 'BUILD_NOT_ALLOWED', details: { entitlement } })
}
