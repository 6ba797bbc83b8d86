import { posix } from 'node:path'
import { stepFailed } from '../steps/run-failure.js'

/** Where a mount is in the container; without a target it is the working directory. @throws {BuildError} the root */
export function targetIn(directory: string, target: string): string {
  const path = posix.join('/', target.startsWith('/') ? '' : directory, target)
  const clean = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  if (clean === '/') throw stepFailed(`invalid mount target ${JSON.stringify(clean)}`, { target: clean })
  return clean
}
