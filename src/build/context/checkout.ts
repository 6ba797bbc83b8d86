import { readlinkSync } from 'node:fs'
import {
  AT_FDCWD,
  native,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  withDescriptor,
} from '../../host/index.js'
import { contextInvalid } from './context-errors.js'

/**
 * The path of a directory of a checkout, whose symlinks lead nowhere outside. Nobody else writes to the checkout.
 *
 * @throws {ContextError} CONTEXT_INVALID when there is none
 */
export async function checkedOutDirectory(checkout: string, directory: string): Promise<string> {
  if (directory === '') return checkout
  return withDescriptor(native().openat2(AT_FDCWD, checkout, O_PATH | O_DIRECTORY, 0, 0), (top) =>
    withDescriptor(openIn(top, directory), (fd) => readlinkSync(`/proc/self/fd/${fd}`)),
  )
}

function openIn(top: number, directory: string): number {
  try {
    return native().openat2(top, directory, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR')
      throw contextInvalid(`error setting git context, not a directory: ${directory}`, { path: directory })
    if (code !== undefined && ['ENOENT', 'ELOOP', 'EINVAL', 'ENAMETOOLONG'].includes(code))
      throw contextInvalid(`error setting git context, ${JSON.stringify(directory)} not within git root`, {
        path: directory,
      })
    throw error
  }
}
