import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureProgram, execute, type Workspace } from '../workspace.js'

export interface DockerDaemon {
  readonly socket: string
  /** Whose network namespace is the daemon's own, with nothing but loopback. */
  readonly pid: number
}

/** What a daemon has of networks, besides those named `none` and `host`. */
type DaemonNetworks = 'none' | 'bridge'

const daemons = new WeakMap<Workspace, Map<DaemonNetworks, Promise<DockerDaemon | undefined>>>()

/** The socket of {@link dockerDaemon}. */
export async function dockerSocket(workspace: Workspace): Promise<string | undefined> {
  return (await dockerDaemon(workspace))?.socket
}

/** A Docker daemon that the bench starts for itself and ends; undefined where there is none to start. */
export function dockerDaemon(
  workspace: Workspace,
  networks: DaemonNetworks = 'none',
): Promise<DockerDaemon | undefined> {
  const known = daemons.get(workspace) ?? new Map<DaemonNetworks, Promise<DockerDaemon | undefined>>()
  daemons.set(workspace, known)
  const started = known.get(networks) ?? startDaemon(workspace, networks)
  known.set(networks, started)
  return started
}

async function startDaemon(workspace: Workspace, networks: DaemonNetworks): Promise<DockerDaemon | undefined> {
  if (!(await ensureProgram('dockerd', 'docker.io'))) return undefined
  if (networks === 'bridge' && !(await ensureProgram('iptables', 'iptables'))) return undefined
  const place = (name: string) => join(workspace.directory, `docker-${networks}`, name)
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
  // A daemon without a bridge need touch no firewall.
  const network = networks === 'none' ? ['--bridge', 'none', '--iptables=false', '--ip6tables=false'] : []
  const command = ['sh', '-c', 'ip link set lo up; exec dockerd "$@"', 'sh', ...files, ...network]
  // What it mounts ends with it.
  const own = ['--net', '--mount']
  const daemon = spawn('unshare', [...own, ...command, '--host', `unix://${socket}`], { stdio: 'ignore' })
  const ended = once(daemon, 'exit')
  workspace.defer(async () => {
    daemon.kill('SIGTERM')
    await ended
  })
  await Promise.race([answers(socket), ended.then(() => Promise.reject(new Error('dockerd ended')))])
  await execute('docker', ['--host', `unix://${socket}`, 'load', '--input', workspace.archive])
  return { socket, pid: daemon.pid as number }
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
