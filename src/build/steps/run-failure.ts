import { BuildError, type LaunchError } from '../../errors/index.js'
import { quoted } from '../../errors/printable.js'
import type { ProcessResult } from '../host.js'

const maxShownLength = 1000

/** In BuildKit's words, also for one that was ended because it took more memory than it may. */
export function processFailed(args: readonly string[], result: ProcessResult, output: string): BuildError {
  const { exitCode, signal, oomKilled } = result
  return new BuildError(`${unsuccessful(args)}: exit code: ${exitCode}${oomKilled ? ': cannot allocate memory' : ''}`, {
    code: 'BUILD_FAILED',
    details: { args, exitCode, oomKilled, output, ...(signal !== 0 && { signal }) },
  })
}

/** A program that is not there, or cannot be executed: Docker's exit code for that is as if a shell had looked for it. */
export function notStarted(args: readonly string[], error: LaunchError): BuildError {
  return new BuildError(`${unsuccessful(args)}: ${error.message}`, {
    code: 'BUILD_FAILED',
    cause: error,
    details: { ...error.details, args, exitCode: error.exitCode, oomKilled: false, output: '' },
  })
}

function unsuccessful(args: readonly string[]): string {
  return `process ${quoted(args.join(' '), maxShownLength)} did not complete successfully`
}

/** What cannot be had that a step needs. */
export function stepFailed(message: string, details: Record<string, unknown> = {}): BuildError {
  return new BuildError(message, { code: 'BUILD_FAILED', details })
}

/** In BuildKit's words. */
export function notAllowed(entitlement: 'network.host' | 'security.insecure'): BuildError {
  return new BuildError(`${entitlement} is not allowed`, { code: 'BUILD_NOT_ALLOWED', details: { entitlement } })
}
