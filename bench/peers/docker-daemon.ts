import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureProgram, execute, type Workspace } from '../workspace.js'

const daemons = new WeakMap<Workspace, Promise<string | undefined>>()

/** The socket of a Docker daemon that the bench starts for itself and ends; undefined where there is none to start. */
export function dockerSocket(workspace: Workspace): Promise<string | undefined> {
  const known = daemons.get(workspace)
  if (known) return known
  const started = startDaemon(workspace)
  daemons.set(workspace, started)
  return started
}

async function startDaemon(workspace: Workspace): Promise<string | undefined> {
  if (!(await ensureProgram('dockerd', 'docker.io'))) return undefined
  const place = (name: string) => join(workspace.directory, 'docker', name)
  await mkdir(place('.'))
  const socket = place('socket')
  const files = [
    '--data-root',
    place('data'),
    '--exec-root',
    place('exec'),
    '--pidfile',
    place('pid'),
    '--cgroup-parent',
    `/${workspace.cgroup}`,
  ]
  // Only network `none` is measured: the daemon gets a namespace of its own and need touch no firewall.
  const network = ['--bridge', 'none', '--iptables=false', '--ip6tables=false']
  const daemon = spawn('unshare', ['--net', 'dockerd', ...files, ...network, '--host', `unix://${socket}`], {
    stdio: 'ignore',
  })
  const ended = once(daemon, 'exit')
  workspace.defer(async () => {
    daemon.kill('SIGTERM')
    await ended
  })
  await Promise.race([answers(socket), ended.then(() => Promise.reject(new Error('dockerd ended')))])
  await execute('docker', ['--host', `unix://${socket}`, 'load', '--input', workspace.archive])
  return socket
}

async function answers(socket: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const version = execute('docker', ['--host', `unix://${socket}`, 'version'])
    if (
      await version.then(
        () => true,
        () => false,
      )
    )
      return
    await delay(200)
  }
  throw new Error('dockerd does not answer')
}
