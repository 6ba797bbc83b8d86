import { randomUUID } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MountScope, ReadyMount } from '../mounts/index.js'
import type { Script } from './run-command.js'

/** A program of the Dockerfile's, as a read-only file. */
export async function scriptMount(
  { path, content }: Script,
  temporary: string,
  scope: MountScope,
): Promise<ReadyMount> {
  const source = join(temporary, `script-${randomUUID()}`)
  scope.defer(() => rm(source, { force: true }))
  await writeFile(source, content)
  await chmod(source, 0o755)
  return { mounts: [{ kind: 'bind', source, target: path, readOnly: true }] }
}
