import { open } from 'node:fs/promises'
import type { Mount } from '../../dockerfile/index.js'
import type { SecretSource } from '../settings.js'
import { stepFailed } from '../steps/run-failure.js'
import type { StepContext } from '../steps/step.js'
import type { ReadyMount, RunMount } from './run-mount.js'

/** As BuildKit's. */
const maxBytes = 500 * 1024

/** A secret as a file, a variable, or both. What it is decides nothing of the step's result, as in BuildKit. */
export function secretMount(
  { type, id, env, required, mode = 0o400, uid = 0, gid = 0 }: Extract<Mount, { type: 'secret' }>,
  target: string | undefined,
  { settings }: StepContext,
): RunMount {
  return {
    quickKey: { type, id, target, env, mode, uid, gid },
    async ready(): Promise<ReadyMount> {
      const source = await settings.secrets.get(id)
      if (!source && required) throw stepFailed(`secret ${id}: not found`, { secret: id })
      if (!source) return {}
      const content = await contentOf(id, source)
      const secretEnv = env === undefined ? [] : [variableOf(id, env, content)]
      const mounts = target === undefined ? [] : [{ kind: type, target, content, mode: mode & 0o777, uid, gid }]
      return { mounts, secretEnv, secrets: [content] }
    },
  }
}

async function contentOf(id: string, source: SecretSource): Promise<Uint8Array> {
  const content = 'value' in source ? source.value : await read(id, source.file)
  if (content.length > maxBytes) throw stepFailed('invalid secret size, max 500k', { secret: id })
  return content
}

/** No more of it than there may be. */
async function read(id: string, path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path)
    const bytes = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = (await file.read(bytes, length, bytes.length - length)).bytesRead
    return bytes.subarray(0, length)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw stepFailed(`secret ${id}: cannot read ${path}: ${code}`, { secret: id, path, errno: code })
  }
}

function variableOf(id: string, name: string, content: Uint8Array): string {
  if (content.includes(0)) throw stepFailed(`secret ${id}: a variable can have no zero byte`, { secret: id })
  return `${name}=${Buffer.from(content).toString()}`
}
