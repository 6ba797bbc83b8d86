import type { Engine } from 'inboard'
import { backToBack } from '../measure.js'
import { DockerApi } from '../peers/docker-api.js'
import { dockerSocket } from '../peers/docker-daemon.js'
import type { Peer } from '../peers/peer.js'
import { median, printTarget } from '../statistics.js'
import type { Workspace } from '../workspace.js'
import { printTimes } from './exec.js'

const sleep = ['sleep', '1000000']

/** `stop` of a `sleep` under an init, which ends at the signal: from the call until it has ended. */
export async function compareStop(workspace: Workspace, engine: Engine, runs: number, slowRuns: number): Promise<void> {
  const socket = await dockerSocket(workspace)
  if (!socket) console.log('skipped docker stop: dockerd is not installed')
  const peers = [await openOwn(engine, workspace), ...(socket ? [await openDocker(socket, workspace)] : [])]
  const measured = await backToBack(peers, Math.min(runs, 100), slowRuns)
  console.log('\nstop of a sleep under init')
  printTimes(measured)
  const [ours = Number.NaN, theirs = Number.NaN] = measured.map(({ times }) =>
    median(times.map((time) => time.removed)),
  )
  printTarget('stop, inboard / docker (socket)', ours / theirs, 0.2)
}

async function openOwn(engine: Engine, workspace: Workspace): Promise<Peer> {
  const container = await engine.run('busybox', sleep).network('none').init().create()
  workspace.defer(() => container.remove({ force: true }))
  return {
    name: 'inboard stop()',
    run: () =>
      stopping(
        () => container.start(),
        () => container.stop(),
      ),
  }
}

async function openDocker(socket: string, workspace: Workspace): Promise<Peer> {
  const docker = new DockerApi(socket)
  workspace.defer(async () => docker.close())
  const id = await docker.create(sleep, false, { Init: true })
  return {
    name: 'docker stop (socket, from Node)',
    run: () =>
      stopping(
        () => docker.post(`/containers/${id}/start`),
        () => docker.post(`/containers/${id}/stop`),
      ),
    slow: true,
  }
}

async function stopping(start: () => Promise<unknown>, stop: () => Promise<unknown>) {
  await start()
  const began = performance.now()
  await stop()
  const removed = performance.now() - began
  return { answered: removed, removed }
}
