import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import { remove } from '../container/remove.js'
import { awaitCleared } from '../container/run-directory.js'
import { failpoint } from '../errors/failpoint.js'
import { claimLock, isAbandoned, native, processStart, readTextFile } from '../host/index.js'
import type { Stages } from './assemble.js'

/** A build under way: known by a directory whose lock is held as long as somebody works on it. */
export interface BuildDirectory extends AsyncDisposable {
  readonly id: string
  /** For whatever the build alone needs; gone with it. */
  readonly path: string
  /** The same, for what may be large: on the disk of the root, where the other may be on a tmpfs. Made by who needs it. */
  readonly unpacked: string
}

type Places = Pick<Stages, 'images' | 'paths' | 'volumes' | 'workspaces'>

const id = /^[0-9a-f]{32}$/

const buildsOf = (runRoot: string) => `${runRoot}/builds`

const unpackedOf = (root: string) => `${root}/build/unpacked`

/** Begins a build. What others have left that nobody works on any more is removed first. */
export async function openBuildDirectory(
  stages: Places,
  context: ContainerContext,
  signal?: AbortSignal,
): Promise<BuildDirectory> {
  const builds = buildsOf(stages.paths.runRoot)
  mkdirSync(builds, { recursive: true, mode: 0o700 })
  await sweepBuilds(stages, context)
  signal?.throwIfAborted()
  const build = randomBytes(16).toString('hex')
  failpoint('build.begin')
  const path = `${builds}/${build}`
  const lock = native().makeLockedDirectory(path)
  try {
    writeFileSync(`${path}/owner`, owner(process.pid), { mode: 0o600 })
    // Beside the lock, which no file of the build can take the place of.
    mkdirSync(`${path}/files`, { mode: 0o700 })
  } catch (error) {
    await endBuild(path, lock)
    throw error
  }
  const unpacked = `${unpackedOf(stages.paths.root)}/${build}`
  return {
    id: build,
    path: `${path}/files`,
    unpacked,
    async [Symbol.asyncDispose]() {
      await native().removeTree(unpacked)
      await endBuild(path, lock)
    },
  }
}

/** Whether somebody works on a build. */
function isBuildAlive(runRoot: string, build: string): boolean {
  return id.test(build) && native().isLocked(`${buildsOf(runRoot)}/${build}/lock`) === true
}

/** Whether a container is a step of a build that somebody works on. */
export function isBuilding({ paths, workspaces }: Places, container: string): boolean {
  const build = workspaces.buildOf(container)
  return build !== undefined && isBuildAlive(paths.runRoot, build)
}

const owner = (pid: number) => `${pid} ${processStart(pid)}`

const copiesMs = 2000

/**
 * A child that a killed process was making has copies of its descriptors, and with them the locks of its builds, until it
 * executes a program of its own.
 */
async function awaitCopies(runRoot: string, build: string): Promise<void> {
  const isDead = () => {
    const recorded = readTextFile(`${buildsOf(runRoot)}/${build}/owner`)
    return recorded !== undefined && recorded !== owner(Number.parseInt(recorded, 10))
  }
  const deadline = performance.now() + copiesMs
  while (isBuildAlive(runRoot, build) && isDead() && performance.now() < deadline) await delay(2)
}

/** Removes what is left of builds that nobody works on any more. Microseconds when there is nothing. */
export async function sweepBuilds(stages: Places, context: ContainerContext): Promise<void> {
  const { images, paths, workspaces } = stages
  for (const name of namesIn(buildsOf(paths.runRoot))) await awaitCopies(paths.runRoot, name)
  // Containers first: what they have mounted of a build's files is in use until then.
  for (const build of workspaces.builds())
    if (!isBuildAlive(paths.runRoot, build))
      for (const container of workspaces.of(build)) await removeWorkspace(stages, context, container)
  const builds = new Set([
    ...images.steps.builds(),
    ...namesIn(buildsOf(paths.runRoot)).filter((name) => id.test(name)),
  ])
  for (const build of builds) if (!isBuildAlive(paths.runRoot, build)) await images.steps.release(build, true)
  for (const name of namesIn(unpackedOf(paths.root)))
    if (!isBuildAlive(paths.runRoot, name)) await native().removeTree(`${unpackedOf(paths.root)}/${name}`)
  for (const name of namesIn(buildsOf(paths.runRoot))) await sweepDirectory(buildsOf(paths.runRoot), name)
}

/** Whether it runs or not. What cannot be removed now is found by the next who looks. */
export async function removeWorkspace(stages: Places, context: ContainerContext, container: string): Promise<void> {
  failpoint('workspace.remove')
  try {
    if (!(await removeEnded(stages, context, container)))
      await remove(context, container, { force: true, volumes: true })
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (!notNow.has(code)) throw error
  }
}

/** It is gone, somebody else removes it, or something is in the way. */
const notNow: ReadonlySet<string> = new Set(['CONTAINER_NOT_FOUND', 'CONTAINER_IN_USE', 'CLEANUP_FAILED'])

/** One of which nothing runs, in one transaction: nobody can begin anything with it then. What is left of it is nobody's. */
async function removeEnded({ paths, volumes }: Places, context: ContainerContext, id: string): Promise<boolean> {
  const record = context.containers.get(id)
  if (!record || existsSync(`${paths.runRoot}/${id}`)) return false
  const isRemoved = volumes.store.transaction(() => context.containers.beginRemove(id, true) && context.delete(record))
  if (!isRemoved) return false
  try {
    // Somebody may have copied its files.
    await awaitCleared(context, id)
    failpoint('workspace.files')
    await native().removeTree(`${paths.containers}/${id}`)
  } catch {
    context.lookAgain(id, undefined)
  }
  return true
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function sweepDirectory(builds: string, name: string): Promise<void> {
  const path = `${builds}/${name}`
  if (!id.test(name)) {
    if (name.startsWith(goneMark) || isAbandoned(name)) await native().removeTree(path)
    return
  }
  const lock = claimLock(`${path}/lock`)
  if (lock !== undefined) await endBuild(path, lock)
}

const goneMark = '.gone-'

/** Renamed before it is removed: half a directory is not taken for a build. */
async function endBuild(path: string, lock: number): Promise<void> {
  try {
    failpoint('build.end')
    const aside = path.replace(/[^/]+$/, (name) => `${goneMark}${name}`)
    renameSync(path, aside)
    failpoint('build.ended')
    await native().removeTree(aside)
  } catch (error) {
    // Somebody else was faster, who found it unlocked.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  } finally {
    closeSync(lock)
  }
}
