import { once } from 'node:events'
import { readdirSync, statfsSync, watch } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Engine } from 'inboard'
import { type Peer, timed } from './peers/peer.js'
import type { Workspace } from './workspace.js'

const TMPFS_MAGIC = 0x01021994

/** An engine with a root of its own in the workspace, and a run root on a tmpfs, as /run is on most hosts; busybox loaded. */
export async function openEngine(workspace: Workspace): Promise<Engine> {
  const runRoot = await makeRunRoot(workspace)
  const engine = await Engine.open({ root: join(workspace.directory, 'root'), runRoot })
  workspace.defer(() => engine.close())
  await engine.images.load(workspace.archive)
  return engine
}

/** Short enough for the addresses of sockets, wherever the workspace is. */
export async function makeRunRoot(workspace: Workspace): Promise<string> {
  const runRoot = await mkdtemp(
    statfsSync('/run').type === TMPFS_MAGIC ? '/run/inboard-bench-' : '/dev/shm/inboard-bench-',
  )
  workspace.defer(() => rm(runRoot, { recursive: true, force: true }))
  return runRoot
}

/** `engine.run('busybox', ['true']).network(network).publish(...).rm().output()`, which answers first and removes afterwards. */
export function inboardRun(engine: Engine, network: string, ...ports: readonly string[]): Peer {
  const name = ['inboard run().rm().output()', network, ...ports].join(', ')
  return inboardPeer(engine, name, () => outputOfTrue(engine, network, ...ports))
}

/** A container that is run and removed by `action`. */
export function inboardPeer(engine: Engine, name: string, action: () => Promise<unknown>): Peer {
  const run = async () => {
    const before = countFiles(engine)
    // Asking again and again would keep the supervisor from the directories it removes.
    const watcher = watch(engine.runRoot)
    const start = performance.now()
    await action()
    const answered = performance.now() - start
    while (countFiles(engine) > before) await once(watcher, 'change')
    const removed = performance.now() - start
    watcher.close()
    return { answered, removed }
  }
  return { name, run }
}

export async function outputOfTrue(engine: Engine, network: string, ...ports: readonly string[]): Promise<void> {
  const run = engine.run('busybox', ['true']).network(network)
  const { exitCode } = await run
    .publish(...ports)
    .rm()
    .output()
  if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`)
}

/** `container.exec(['true'])` in a container that sleeps. */
export async function inboardExec(engine: Engine, workspace: Workspace): Promise<Peer> {
  const container = await engine.run('busybox', ['sleep', '1000000']).network('none')
  workspace.defer(() => container.remove({ force: true }))
  const run = timed(async () => {
    const { exitCode } = await container.exec(['true'])
    if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`)
  })
  return { name: "inboard exec(['true'])", run }
}

/** How many directories containers have on disk: what a run has made is gone when there are as many as before it. */
function countFiles({ root, runRoot }: Engine): number {
  return readdirSync(join(root, 'containers')).length + readdirSync(runRoot).length
}
