import { mkdirSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import type { Engine } from '../../../src/index.js'
import type { Step, User } from './scenario.js'
import { besideRoot, makeDisk } from './volume-place.js'

const tmpfs = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }
const asleep = ['sleep', '1000']

/** What volumes go through; each step can be repeated after it has failed. */
export const volumeScenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  { does: 'load', facts: {}, act: async (user) => (await user.engine()).images.load(user.archives.image) },
  {
    does: 'create volumes of all kinds',
    facts: { 'volume data': 'present', 'volume scratch': 'present', 'volume disk': 'present' },
    async act(user) {
      const { volumes } = await user.engine()
      await volumes.create('data')
      await volumes.create('scratch', { driverOptions: tmpfs })
      await volumes.create('disk', { driverOptions: { type: 'ext4', device: makeDisk(user.roots), o: 'noatime' } })
    },
  },
  {
    does: 'run a writer that has them all, and some of its own',
    facts: {
      'container writer': 'running',
      'file seeded/word': 'seeded',
      'file seeded/below/word': 'deeper',
      'file shelved/word': 'more',
    },
    async act(user) {
      const engine = await user.engine()
      await discard(engine, 'writer')
      const bound = besideRoot(user.roots, 'bound')
      await engine
        .run('busybox', asleep)
        .name('writer')
        .network('none')
        .volume('data:/data', 'disk:/disk', 'scratch:/scratch', 'seeded:/seed', '/any', 'data:/same:ro')
        .volume(`${bound}:/bound`)
        .mount({ type: 'volume', source: 'shelved', target: '/more', volumeOptions: { driver: 'shelf' } })
    },
  },
  {
    does: 'write',
    facts: { 'file data/line': 'kept', 'file disk/line': 'kept' },
    async act(user) {
      const writer = await user.container('writer')
      // Who sleeps does so again, when the writer was not to be started at first.
      await writer.start()
      const work = 'for at in data disk scratch bound any own more; do echo kept > /$at/line || exit 9; done'
      const { exitCode, stderr } = await writer.exec(['sh', '-c', work])
      if (exitCode !== 0) throw new Error(`cannot write: ${stderr}`)
    },
  },
  {
    does: 'take its volumes, one from the other',
    facts: { 'container second': 'created' },
    async act(user) {
      const engine = await user.engine()
      for (const name of ['third', 'second']) await discard(engine, name)
      await engine.run('busybox').name('second').network('none').volumesFrom('writer:ro').create()
      const files = ['/data/line', '/own/word', '/own/line', '/any/line', '/seed/word', '/scratch/line', '/more/line']
      const third = engine
        .run('busybox', ['cat', ...files])
        .name('third')
        .network('none')
        .volumesFrom('second')
        .rm()
      const { stdout } = await third.output()
      if (stdout !== 'kept\nowned\nkept\nkept\nseeded\nkept\nkept\n') throw new Error(`the third reads ${stdout}`)
    },
  },
  {
    does: 'start the writer again',
    facts: { 'container writer': 'running', 'file disk/line': 'kept', 'file shelved/line': 'kept' },
    async act(user) {
      const writer = await user.container('writer')
      await writer.restart({ timeoutMs: 1 })
    },
  },
  {
    does: 'kill its supervisor',
    facts: { 'container writer': 'exited 137' },
    async act(user) {
      const writer = await user.container('writer')
      if ((await writer.inspect()).State.Running) await user.killSupervisor('writer')
      await writer.wait()
    },
  },
  {
    does: 'kill that of one that removes itself',
    facts: { 'container brief': 'absent' },
    async act(user) {
      const engine = await user.engine()
      await discard(engine, 'brief')
      const brief = engine.run('busybox', asleep).name('brief').rm().network('none').volume('/any', 'scratch:/scratch')
      const { id } = await brief
      const gone = (await user.container(id)).wait()
      await user.killSupervisor(id)
      await gone
    },
  },
  {
    does: 'copy a volume',
    facts: { 'file copied/line': 'kept' },
    async act(user) {
      const { volumes } = await user.engine()
      await (await volumes.create('copied')).import((await volumes.get('disk')).export())
    },
  },
  {
    does: 'remove the containers with their volumes',
    facts: { 'container writer': 'absent', 'container second': 'absent', 'volume seeded': 'present' },
    async act(user) {
      const engine = await user.engine()
      for (const name of ['writer', 'second']) await discard(engine, name)
    },
  },
  {
    does: 'leave volumes half made and half removed, and uses that are over',
    facts: { 'volume left': 'absent', 'volume made': 'absent' },
    async act(user) {
      const { volumes } = await user.engine()
      await volumes.create('left')
      await volumes.create('made', { driver: 'shelf' })
      await user.close()
      leaveUnfinished(user)
    },
  },
  { does: 'find what was left', facts: {}, act: (user) => user.engine() },
  {
    does: 'remove volumes',
    facts: { 'volume shelved': 'absent', 'volume disk': 'absent', 'volume seeded': 'absent' },
    async act(user) {
      const { volumes } = await user.engine()
      for (const name of ['shelved', 'disk'])
        await volumes.get(name).then((one) => one.remove(), ignoring('VOLUME_NOT_FOUND'))
      await volumes.prune({ all: true })
    },
  },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

/** As processes leave it that are killed: one that made a volume, one that removed one, one that read, one that filled. */
function leaveUnfinished({ roots }: User): void {
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`)
  database.prepare("UPDATE volumes SET state = 'removing' WHERE name = 'left'").run()
  database.prepare("UPDATE volumes SET state = 'creating' WHERE name = 'made'").run()
  const use = database.prepare('INSERT INTO volume_mounts (volume, container, attempt) VALUES (?, ?, ?)')
  use.run('data', 'access-1-0-1', 0)
  use.run('scratch', 'f'.repeat(64), 3)
  database.close()
  mkdirSync(`${roots.root}/volumes/data/.filling-1/files`, { recursive: true })
  mkdirSync(`${roots.root}/volumes/.gone-of-another-store/_data`, { recursive: true })
}

async function discard(engine: Engine, name: string): Promise<void> {
  const container = await engine.containers.get(name).catch(ignoring('CONTAINER_NOT_FOUND'))
  await container?.remove({ force: true, volumes: true })
}

function ignoring(code: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}

/** Failpoints that only this scenario passes. */
export const isOfVolumes = (name: string): boolean =>
  /^(volume|volumes|fill)\.|^run\.release-volumes$|^(remove|loss)\.volumes$/.test(name)
