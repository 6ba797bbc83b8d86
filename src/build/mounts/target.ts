import { posix } from 'node:path'
import { checkTarget, cleanPath } from '../../spec/mount-target.js'
import { stepFailed } from '../steps/run-failure.js'

/**
 * Where a mount is in the container; without a target it is the working directory.
 *
 * @throws {BuildError} the root; {InvalidOptionError} inside /proc
 */
export function targetIn(directory: string, target: string): string {
  const path = cleanPath(posix.join('/', target.startsWith('/') ? '' : directory, target))
  if (path === '/') throw stepFailed(`invalid mount target ${JSON.stringify(path)}`, { target: path })
  return checkTarget('mount', path)
}
