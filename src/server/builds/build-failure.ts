import { InboardError } from '../../errors/index.js'
import { ApiError, failureOf } from '../failures.js'

/** What has ended a build, as the last document of an answer tells it. */
export interface BuildFailure {
  readonly code: number | undefined
  readonly message: string
}

/** In the classic builder's words, where a program of RUN has failed: `docker build` ends with its code. */
export function buildFailure(error: unknown): BuildFailure {
  const { message } = failureOf(error)
  const { args, exitCode, path, instruction } = error instanceof InboardError ? error.details : {}
  if (!Array.isArray(args) || typeof exitCode !== 'number')
    return { code: undefined, message: placed(message, String(instruction ?? '')) }
  // One with a path could not be started.
  const told = path === undefined ? `The command '${args.join(' ')}' returned a non-zero code: ${exitCode}` : message
  return { code: exitCode, message: told }
}

/** What COPY and ADD have failed of begins with their name. */
function placed(message: string, instruction: string): string {
  const keyword = /^\s*(COPY|ADD)\b/i.exec(instruction)?.[1]?.toUpperCase()
  if (keyword === undefined || message.startsWith(`${keyword} failed: `)) return message
  const [, missing] = /^failed to compute cache key: "\/?(.*)": not found$/.exec(message) ?? []
  if (missing === undefined || /\s--from=/i.test(instruction)) return `${keyword} failed: ${message}`
  const where = 'file not found in build context or excluded by .dockerignore'
  return `${keyword} failed: ${where}: stat ${missing}: file does not exist`
}

/** What is refused before anything is done: the answer has a status of its own. */
export function refusal(error: unknown, dockerfile: string): unknown {
  if (!(error instanceof InboardError)) return error
  const { code, details, message } = error
  if (code === 'FILE_NOT_FOUND' && details.instruction === undefined && details.path === dockerfile)
    return new ApiError(500, `Cannot locate specified Dockerfile: ${dockerfile}`)
  if (code === 'DOCKERFILE_INVALID' && details.target !== undefined)
    return new ApiError(400, `failed to reach build target ${details.target} in Dockerfile: ${message}`)
  return error
}
