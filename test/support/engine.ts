import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { native } from '../../src/host/index.js'
import { Engine, type EngineOptions } from '../../src/index.js'
import { buildLeaks } from './build-leaks.js'
import { imageArchive, type TestImage } from './images.js'
import { networkLeaks, rootLeaks } from './network-leaks.js'
import { settled } from './settled.js'
import { snapshotLeaks } from './snapshot-leaks.js'
import { volumeLeaks } from './volume-leaks.js'

/** An engine with a root of its own, and everything that could be left of it. */
export interface TestEngine extends AsyncDisposable {
  readonly engine: Engine
  readonly directory: string
  /** What is left on the host that belongs to this root: empty when nothing leaked. */
  leaks(): Promise<string[]>
  /** Another engine on the same root, as another process would open it. */
  reopen(): Promise<Engine>
}

/** Opens an engine below /tmp with the given images loaded; disposing it removes all of it, whatever still runs. */
export async function testEngine(
  images: readonly TestImage[] = ['busybox'],
  options: EngineOptions = {},
): Promise<TestEngine> {
  const directory = await mkdtemp('/tmp/ib-')
  const roots = { root: join(directory, 'root'), runRoot: join(directory, 'run'), ...options }
  const engine = await Engine.open(roots)
  const others: Engine[] = []
  for (const image of images) await engine.images.load(imageArchive(image))
  return {
    engine,
    directory,
    leaks: () => settled(() => leaksOf(directory)),
    async reopen() {
      const other = await Engine.open(roots)
      others.push(other)
      return other
    },
    async [Symbol.asyncDispose]() {
      for (const other of others) await other.close()
      const last = await Engine.open(roots)
      for (const { id } of await last.containers.list({ all: true }))
        await (await last.containers.get(id)).remove({ force: true })
      await last.networks.prune()
      await last.close()
      await engine.close()
      const left = await rootLeaks(await rootIdOf(directory))
      if (left.length > 0) throw new Error(`the last engine of ${directory} has left ${left.join(', ')}`)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Containers' things on the host at this moment, found by where they are and not by what the engine says. */
export async function leaksOf(directory: string): Promise<string[]> {
  const rootId = await rootIdOf(directory)
  const found = await Promise.all([
    runDirectories(join(directory, 'run')),
    owners(join(directory, 'run/owners')),
    names(join(directory, 'root/containers'), 'container directory'),
    snapshotLeaks(directory),
    cgroups(rootId),
    mounts(directory),
    supervisors(directory),
    networkLeaks(directory, rootId),
    volumeLeaks(directory),
    buildLeaks(directory),
  ])
  return found.flat()
}

const rootIdOf = async (directory: string) => (await readFile(join(directory, 'root/id'), 'utf8')).trim()

const names = async (path: string, what: string) => (await readdir(path)).map((name) => `${what} ${name}`)

/** What every open engine has there. */
const ofTheRoot: ReadonlySet<string> = new Set([
  'engines',
  'dns',
  'made',
  'networks',
  'networks.lock',
  'owners',
  'volumes',
  'builds',
  'snapshots',
  'reuse',
])

/** What belongs to an engine that is open may stay as long. */
async function owners(path: string): Promise<string[]> {
  const found = await readdir(path).catch(() => [])
  const left = found.filter((name) => native().isLocked(join(path, name, 'alive')) !== true)
  return left.map((name) => `owner ${name}`)
}

const runDirectories = async (path: string) =>
  (await readdir(path)).filter((name) => !ofTheRoot.has(name)).map((name) => `run directory ${name}`)

async function cgroups(rootId: string): Promise<string[]> {
  const parents: string[] = []
  for (const hierarchy of ['', ...(await readdir('/sys/fs/cgroup'))])
    for (const kind of ['', '-custom']) parents.push(join('/sys/fs/cgroup', hierarchy, `inboard-${rootId}${kind}`))
  const below = await Promise.all(
    parents.map(async (parent) => {
      const entries = await readdir(parent, { withFileTypes: true }).catch(() => [])
      return entries.filter((entry) => entry.isDirectory()).map((entry) => `cgroup ${parent}/${entry.name}`)
    }),
  )
  return below.flat()
}

async function mounts(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return (
    table
      .split('\n')
      // Tests of full disks mount what they fill.
      .filter(
        (line) =>
          line.includes(`${directory}/`) && !/ inboard-test /.test(line) && !line.includes(` ${directory}/root `),
      )
      .map((line) => `mount ${line}`)
  )
}

/** Supervisors hold the locks of run directories, and of execs' records; what serves them is theirs, unless it has outlived them. */
async function supervisors(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const ours = (await Promise.all(pids.map(async (pid) => ((await isOurs(pid)) ? [pid] : [])))).flat()
  const left = await Promise.all(
    ours.map(async (pid) => ((await holdsLock(pid, directory)) || (await isOrphan(pid)) ? [`process ${pid}`] : [])),
  )
  return left.flat()
}

const target = (path: string) => readlink(path).catch(() => '')

const isOurs = async (pid: string) => (await target(`/proc/${pid}/exe`)).startsWith('/memfd:inboard-supervisor')

async function holdsLock(pid: string, directory: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const targets = await Promise.all(descriptors.map((fd) => target(`/proc/${pid}/fd/${fd}`)))
  return targets.some(
    (path) => path.startsWith(`${directory}/run/`) && /run\/[0-9a-f]{64}\/lock|\/exec\/[0-9a-f]{64}/.test(path),
  )
}

/** Of a resolver or a relay. */
async function isOrphan(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, parent] = /^Name:\tinboard-(?:dns|relay)\n.*^PPid:\t(\d+)$/ms.exec(status) ?? []
  return parent !== undefined && !(await isOurs(parent))
}
