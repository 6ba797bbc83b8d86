import type { Dockerfile, Finding } from '../types.js'
import { Report } from './report.js'
import { type CheckOptions, checkValues } from './values.js'
import { checkWords } from './words.js'

export interface CheckResult {
  /** In the order of the lines. */
  readonly findings: readonly Finding[]
  /** The file wants to be refused for them: `# check=error=true`. */
  readonly isError: boolean
}

/**
 * Docker's build checks, by the names of their rules. What the directive `check` or a comment `# check=skip=Rule` above an
 * instruction skips is left out.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID` a value cannot be made
 * @see https://docs.docker.com/reference/build-checks/
 *
 * @example
 * ```ts
 * checkDockerfile(parseDockerfile('FROM alpine\nMAINTAINER me')).findings[0]?.rule // 'MaintainerDeprecated'
 * ```
 */
export function checkDockerfile(dockerfile: Dockerfile, options: CheckOptions = {}): CheckResult {
  const { check } = dockerfile.directives
  const report = new Report(check)
  checkWords(dockerfile, report)
  checkValues(dockerfile, options, report)
  const { findings } = report
  return { findings, isError: check?.error === true && findings.length > 0 }
}
