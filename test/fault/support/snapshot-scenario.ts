import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import type { Container, Engine, Snapshot } from '../../../src/index.js'
import type { Step, User } from './scenario.js'

/** What snapshots of containers go through; each step can be repeated after it has failed. */
export const snapshotScenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  {
    does: 'load, and run',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      await engine.images.load(user.archives.image)
      const original = await runAnew(engine, 'original', () => engine.run('busybox', sleep).volume('data:/data'))
      await write(original, 'first')
    },
  },
  { does: 'take a snapshot of what runs', facts: {}, act: (user) => take(user, 'original', 'first') },
  { does: 'run a clone', facts: {}, act: (user) => clone(user, 'first', 'clone', 'second') },
  { does: 'take a snapshot of the clone', facts: {}, act: (user) => take(user, 'clone', 'second') },
  {
    does: 'save it',
    facts: {},
    act: async (user) => (await (await user.engine()).snapshots.get('second')).save(archiveOf(user)),
  },
  {
    does: 'load it',
    facts: {},
    act: async (user) =>
      (await user.engine()).snapshots.load(archiveOf(user), { name: 'loaded' }).catch(ignoring('SNAPSHOT_EXISTS')),
  },
  {
    does: 'take a snapshot of what overlayfs cannot share, and run a clone',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      const linked = await runAnew(engine, 'linked', () => engine.run('busybox', sleep).volume('/data'))
      await write(linked, 'third')
      await linked.exec(['ln', '-f', '/data/file', '/data/same'])
      await take(user, 'linked', 'third')
      await clone(user, 'third', 'copy', 'third')
    },
  },
  {
    does: 'remove clones, then snapshots',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      for (const name of ['clone', 'copy', 'linked', 'original']) await removeContainer(engine, name)
      for (const name of ['first', 'second', 'third', 'loaded']) await removeSnapshot(engine, name)
    },
  },
  {
    does: 'leave one that nobody makes any more, and find it',
    facts: {},
    async act(user) {
      await user.close()
      leaveUnmade(user)
      await user.engine()
    },
  },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

/** What clones of each snapshot have from the moment on that it is there. */
export const snapshotContents: Readonly<Record<string, string>> = {
  first: 'first first',
  second: 'second second',
  loaded: 'second second',
  third: 'third third',
}

export const isOfSnapshots = (name: string): boolean => name.startsWith('capture.')

const sleep = ['sleep', '1000']
const archiveOf = ({ roots }: User) => `${roots.root}.snapshot.tar`

/** In a volume and beside it. */
async function write(container: Container, text: string): Promise<void> {
  await container.exec(['sh', '-ec', `for d in /data /root; do echo ${text} >$d/.aside; mv $d/.aside $d/file; done`])
}

async function take(user: User, container: string, name: string): Promise<void> {
  await (await user.container(container)).snapshot({ name }).catch(ignoring('SNAPSHOT_EXISTS'))
}

async function clone(user: User, snapshot: string, name: string, text: string): Promise<void> {
  const engine = await user.engine()
  const from: Snapshot = await engine.snapshots.get(snapshot)
  await write(await runAnew(engine, name, () => from.run()), text)
}

/** A start that failed has left a created container, as Docker's does. */
async function runAnew(engine: Engine, name: string, run: () => ReturnType<Engine['run']>): Promise<Container> {
  await removeContainer(engine, name)
  return run().name(name)
}

async function removeContainer(engine: Engine, name: string): Promise<void> {
  const container = await engine.containers.get(name).catch(ignoring('CONTAINER_NOT_FOUND'))
  await container?.remove({ force: true, volumes: true })
}

async function removeSnapshot({ snapshots }: Engine, name: string): Promise<void> {
  const snapshot = await snapshots.get(name).catch(ignoring('SNAPSHOT_NOT_FOUND'))
  await snapshot?.close()
}

/** As who was killed while he copied the files of a volume. */
function leaveUnmade({ roots }: User): void {
  const id = randomBytes(32).toString('hex')
  const layer = randomBytes(8).toString('hex')
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`)
  database
    .prepare('INSERT INTO container_snapshots (id, name, created_at, document) VALUES (?, ?, 0, ?)')
    .run(id, id, '{}')
  database.prepare('INSERT INTO snapshot_volumes VALUES (?, 0, ?, 0, 0)').run(id, JSON.stringify([layer]))
  database.close()
  mkdirSync(`${roots.root}/volumes/.layers/${layer}/directory`, { recursive: true })
}

function ignoring(code: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}
