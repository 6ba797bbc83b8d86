import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, truncateSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { Engine, type EngineOptions } from '../../../src/index.js'
import { killIfThere, supervisorOf } from './supervisors.js'

export interface Roots extends EngineOptions {
  readonly root: string
  readonly runRoot: string
}

/** What is true of an image or container, by `image NAME` or `container NAME`: `present`, `exited 3`, `running|absent`. */
export type Facts = Readonly<Record<string, string>>

/** One thing that a user does, and what is true once it has been acknowledged. Can be repeated after it has failed. */
export interface Step {
  readonly does: string
  readonly facts: Facts
  act(user: User): Promise<unknown>
}

/** What a process says of the steps of its scenario. */
export interface Saying {
  readonly begun?: number
  readonly done?: number
}

/** What must be true: the facts of all steps that were done, but for those that the step under way was about to change. */
export function acknowledged(steps: readonly Step[], said: readonly Saying[]): Facts {
  const facts: Record<string, string> = {}
  for (const { done } of said) if (done !== undefined) Object.assign(facts, steps[done]?.facts)
  const last = said.at(-1)
  if (last?.begun !== undefined) for (const key of Object.keys(steps[last.begun]?.facts ?? {})) delete facts[key]
  return facts
}

/** A process's user: opens the engine anew when a step has closed it. */
export class User {
  readonly roots: Roots
  readonly archives: {
    readonly image: string
    readonly rootfs: string
    /** A repository whose tags `latest` and `same` are one image. */
    readonly repository: string
  }
  #engine: Engine | undefined

  constructor(roots: Roots, archives: User['archives']) {
    this.roots = roots
    this.archives = archives
  }

  async engine(): Promise<Engine> {
    this.#engine ??= await Engine.open(this.roots)
    return this.#engine
  }

  async container(name: string) {
    return (await this.engine()).containers.get(name)
  }

  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    await engine?.close()
  }

  /** Ends the supervisor of a running container, which cannot prevent it. */
  async killSupervisor(name: string): Promise<void> {
    const { id } = await this.container(name)
    process.kill(supervisorOf(`${this.roots.runRoot}/${id}/state`), 'SIGKILL')
  }
}

/** A life with an engine: every verb that changes something, and what others may have left for it. */
export const scenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  {
    does: 'load',
    facts: { 'image busybox': 'present' },
    act: async (user) => (await user.engine()).images.load(user.archives.image),
  },
  {
    does: 'import',
    facts: { 'image imported': 'present' },
    act: async (user) => (await user.engine()).images.import(user.archives.rootfs, { reference: 'imported' }),
  },
  {
    does: 'pull, and pull again what has not changed',
    facts: { 'image pulled': 'present' },
    async act(user) {
      const engine = await user.engine()
      await (await engine.pull(user.archives.repository)).tag('pulled')
      await engine.pull(user.archives.repository)
    },
  },
  {
    does: 'pull another name of it',
    facts: {},
    act: async (user) => (await user.engine()).pull(`${user.archives.repository}:same`),
  },
  {
    does: 'push',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      const name = `${user.archives.repository}-pushed:1`
      await (await engine.images.get('busybox')).tag(name)
      await engine.images.push(name)
      await engine.images.remove(name)
    },
  },
  {
    does: 'save',
    facts: {},
    act: async (user) => (await user.engine()).images.save('busybox', `${user.roots.root}.saved.tar`),
  },
  {
    does: 'create',
    facts: { 'container kept': 'created' },
    act: async (user) => (await user.engine()).run('busybox', ['sh', '-c', 'exit 3']).name('kept').create(),
  },
  {
    does: 'start and wait',
    facts: { 'container kept': 'exited 3' },
    async act(user) {
      const kept = await user.container('kept')
      await kept.start()
      await kept.wait()
    },
  },
  {
    does: 'start once more, and wait',
    facts: { 'container kept': 'exited 3' },
    async act(user) {
      const kept = await user.container('kept')
      await kept.start()
      await kept.wait()
    },
  },
  {
    does: 'run',
    facts: { 'container longer': 'running' },
    act: (user) => runAnew(user, 'longer'),
  },
  { does: 'exec', facts: {}, act: async (user) => (await user.container('longer')).exec(['true']) },
  {
    does: 'commit what runs',
    facts: { 'image committed': 'present', 'container longer': 'running' },
    async act(user) {
      const longer = await user.container('longer')
      await longer.exec(['touch', '/made'])
      await longer.commit('committed')
    },
  },
  {
    does: 'update, stop, and restore',
    facts: { 'container longer': 'running' },
    async act(user) {
      const longer = await user.container('longer')
      await longer.update({ cpuShares: 512, restart: 'always' })
      await longer.stop({ timeoutMs: 0 })
      const { failed } = await (await user.engine()).restore()
      for (const { error } of failed) throw error
    },
  },
  {
    does: 'run and remove',
    facts: { 'container brief': 'absent' },
    act: async (user) => (await user.engine()).run('busybox', ['true']).name('brief').rm().output(),
  },
  {
    does: 'wait for one whose supervisor was killed',
    facts: { 'container longer': 'exited 137' },
    async act(user) {
      const longer = await user.container('longer')
      if ((await longer.inspect()).State.Running) await user.killSupervisor('longer')
      await longer.wait()
    },
  },
  {
    does: 'remove',
    facts: { 'container longer': 'absent' },
    act: async (user) => removeContainer(await user.engine(), 'longer'),
  },
  {
    does: 'run what is left to others',
    facts: { 'container stale': 'running' },
    act: (user) => runAnew(user, 'stale'),
  },
  {
    does: 'leave it dead, and a directory that nobody owns, and images that may not have reached the disk',
    facts: { 'container stale': 'exited 137', 'image imported': 'present|absent' },
    async act(user) {
      await user.close()
      await leaveStale(user)
      leaveUnsynced(user)
    },
  },
  { does: 'find what was left', facts: {}, act: (user) => user.engine() },
  {
    does: 'remove by force',
    facts: { 'container forced': 'absent' },
    async act(user) {
      await runAnew(user, 'forced')
      await removeContainer(await user.engine(), 'forced')
    },
  },
  {
    does: 'remove an image',
    facts: { 'image imported': 'absent' },
    async act(user) {
      const engine = await user.engine()
      await engine.images.remove('imported').catch(ignoring('IMAGE_NOT_FOUND'))
    },
  },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

/** A start that failed has left a created container, as Docker's does. */
async function runAnew(user: User, name: string): Promise<void> {
  const engine = await user.engine()
  await removeContainer(engine, name)
  await engine.run('busybox', ['sleep', '1000']).name(name)
}

async function removeContainer(engine: Engine, name: string): Promise<void> {
  const container = await engine.containers.get(name).catch(ignoring('CONTAINER_NOT_FOUND'))
  await container?.remove({ force: true })
}

/** By its records alone: an engine that looked would record the end. */
async function leaveStale({ roots }: User): Promise<void> {
  for (const id of readdirSync(roots.runRoot)) {
    if (!/^[0-9a-f]{64}$/.test(id)) continue
    killIfThere(supervisorOf(`${roots.runRoot}/${id}/state`))
  }
  mkdirSync(`${roots.root}/containers/${randomBytes(32).toString('hex')}/upper`, { recursive: true })
}

/** As a power cut: all images are marked by another boot, and a blob of one is cut off. */
function leaveUnsynced({ roots }: User): void {
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`)
  for (const table of ['images', 'snapshots'])
    database.prepare(`UPDATE ${table} SET unsynced = 'the boot before/1'`).run()
  const torn = database
    .prepare<[], { blob: string }>(
      "SELECT blob FROM image_layers JOIN tags USING (image) WHERE reference = 'docker.io/library/imported:latest'",
    )
    .get()
  database.close()
  if (torn) truncateSync(`${roots.root}/content/sha256/${torn.blob.slice('sha256:'.length)}`, 100)
}

function ignoring(code: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}
