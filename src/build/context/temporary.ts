import { chmod, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { native } from '../../host/index.js'

/** A directory that nobody else can look into. */
export interface PrivateDirectory {
  readonly path: string
  remove(): Promise<void>
}

/** @param parent a directory of the engine's own, which is made; the system's for temporary files when absent */
async function makePrivateDirectory(parent = tmpdir()): Promise<PrivateDirectory> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const path = await mkdtemp(join(parent, 'inboard-context-'))
  await chmod(path, 0o700)
  return { path, remove: () => native().removeTree(path) }
}

/** Runs `use` with a directory, which is removed when that fails; otherwise it is for `use` to have it removed. */
export async function inPrivateDirectory<Result>(
  parent: string | undefined,
  use: (directory: PrivateDirectory) => Promise<Result>,
): Promise<Result> {
  const directory = await makePrivateDirectory(parent)
  try {
    return await use(directory)
  } catch (error) {
    await directory.remove()
    throw error
  }
}
