import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Debian's dockerd as it comes, with its bridge and its firewall, on a host of its own. */
export interface DockerDaemon extends AsyncDisposable {
  readonly socket: string
  readonly root: string
  /** A process on its host. */
  readonly pid: number
}

export async function startDockerDaemon(): Promise<DockerDaemon> {
  const directory = await mkdtemp('/tmp/ib-docker-')
  const socket = join(directory, 'docker.sock')
  const cgroup = `inboard-scripts-${process.pid}`
  const script = `ip link set lo up; mount -t tmpfs none /etc/docker; mount -t tmpfs none /run/docker
    exec dockerd --data-root ${directory}/data --exec-root ${directory}/exec -p ${directory}/pid -H unix://${socket} --cgroup-parent=/${cgroup}`
  const namespaces = ['--net', '--mount', '--propagation=private', '--pid', '--fork', '--kill-child', '--mount-proc']
  const daemon = spawn('unshare', [...namespaces, 'sh', '-c', `mkdir -p /etc/docker /run/docker; ${script}`], {
    stdio: 'ignore',
  })
  await answering(daemon, socket)
  return {
    socket,
    root: join(directory, 'data'),
    pid: daemon.pid as number,
    async [Symbol.asyncDispose]() {
      const [dockerd] = (await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8')).trim().split(' ')
      process.kill(Number(dockerd), 'SIGTERM')
      await once(daemon, 'exit')
      for (const hierarchy of ['', ...(await readdir('/sys/fs/cgroup'))])
        await rmdir(join('/sys/fs/cgroup', hierarchy, cgroup)).catch(() => {})
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function answering(daemon: ChildProcess, socket: string): Promise<void> {
  for (;;) {
    const isUp = await execute('docker', ['-H', `unix://${socket}`, 'version']).then(
      () => true,
      () => false,
    )
    if (isUp) return
    if (daemon.exitCode !== null) throw new Error('dockerd did not start')
    await delay(100)
  }
}
