import { posix } from 'node:path'
import type { TextInstruction } from '../../dockerfile/index.js'
import { makeDirectories } from '../../layer/index.js'
import { ownerOf } from '../files/owner.js'
import type { FilesystemStep, StepContext } from './step.js'

/** What WORKDIR does: the directory is made when it is missing, 0755, as the user's of the image so far. Undefined for the root. */
export function workdirStep({ value }: TextInstruction, { state }: StepContext): FilesystemStep | undefined {
  const { WorkingDir: current = '/', User: user = '' } = state.draft.config
  const directory = posix.join('/', value.startsWith('/') ? '' : current, value).replace(/(?<=.)\/$/, '')
  if (directory === '/') return undefined
  return {
    kind: 'workdir',
    createdBy: `WORKDIR ${directory}`,
    key: async () => ({ directory, user }),
    execute: (workspace) =>
      workspace.files(async (root) => {
        const owner = user === '' ? { uid: 0, gid: 0 } : ownerOf(root, user)
        makeDirectories(root, directory, owner)
      }),
  }
}
