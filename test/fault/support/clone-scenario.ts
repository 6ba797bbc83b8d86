import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { Volume } from '../../../src/index.js'
import type { Step, User } from './scenario.js'

/** What clones of volumes go through; each step can be repeated after it has failed. */
export const cloneScenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  {
    does: 'load, and make a volume',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      await engine.images.load(user.archives.image)
      await engine.volumes.create('source')
      await write(user, 'source', 'first')
    },
  },
  { does: 'clone what is a directory', facts: {}, act: (user) => clone(user, 'source', 'shared') },
  { does: 'change the clone', facts: {}, act: (user) => write(user, 'shared', 'second') },
  { does: 'clone what is over a layer', facts: {}, act: (user) => clone(user, 'shared', 'again') },
  { does: 'clone what has not changed', facts: {}, act: (user) => clone(user, 'again', 'same') },
  {
    does: 'clone what is in use',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      const left = await engine.containers.get('user').catch(() => undefined)
      await left?.remove({ force: true })
      const container = await engine.run('busybox', ['sleep', '1000']).name('user').volume('source:/data')
      await clone(user, 'source', 'copied')
      await container.remove({ force: true })
    },
  },
  {
    does: 'remove what others are over, then those',
    facts: {},
    async act(user) {
      for (const name of ['shared', 'same', 'again']) await remove(user, name)
    },
  },
  {
    does: 'leave a layer that nobody owns, and find it',
    facts: {},
    async act(user) {
      await user.close()
      mkdirSync(`${user.roots.root}/volumes/.layers/${randomBytes(8).toString('hex')}`, { recursive: true })
      await user.engine()
    },
  },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

/** What each volume has from the moment on that it is there. */
export const cloneContents: Readonly<Record<string, readonly string[]>> = {
  source: ['', 'first\n'],
  shared: ['first\n', 'second\n'],
  again: ['second\n'],
  same: ['second\n'],
  copied: ['first\n'],
}

export const isOfClones = (name: string): boolean => name.startsWith('clone.')

async function write(user: User, name: string, text: string): Promise<void> {
  const script = `echo ${text} >/data/.aside; mv /data/.aside /data/file`
  await (await user.engine()).run('busybox', ['sh', '-ec', script]).volume(`${name}:/data`).rm().output()
}

/** A clone that was acknowledged with its failure may be there. */
async function clone(user: User, from: string, to: string): Promise<Volume> {
  const { volumes } = await user.engine()
  return (await volumes.get(from)).clone(to).catch((error: { code?: string }) => {
    if (error.code !== 'VOLUME_EXISTS') throw error
    return volumes.get(to)
  })
}

async function remove(user: User, name: string): Promise<void> {
  const { volumes } = await user.engine()
  const volume = await volumes.get(name).catch((error: { code?: string }) => {
    if (error.code !== 'VOLUME_NOT_FOUND') throw error
  })
  await volume?.remove()
}
