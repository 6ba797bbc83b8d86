import { checkText, invalidOption } from './invalid.js'

/**
 * `--cgroup-parent`: a path from the root of each hierarchy, without the slashes around it; '' for none.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseCgroupParent(path: string | undefined): string {
  const names = checkText('cgroupParent', path ?? '')
    .split('/')
    .filter((name) => name !== '' && name !== '.')
  if (!names.includes('..')) return names.join('/')
  throw invalidOption('cgroupParent', `invalid cgroup parent: ${path}`, "write it without '..'", path)
}
