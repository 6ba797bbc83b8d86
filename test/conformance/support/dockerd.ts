import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { installed } from '../../support/installed.js'

export interface DockerOutput {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A real daemon to compare with, alone with itself: ended, and everything of it removed, when it is disposed. */
export interface Dockerd extends AsyncDisposable {
  /** A process in the daemon's network namespace. */
  readonly pid: number
  docker(args: readonly string[]): Promise<DockerOutput>
  import(name: string, rootfs: AsyncIterable<Uint8Array>): Promise<void>
}

export const dockerInstalled = installed('dockerd', 'docker')

/** What a container on the host's network sees of the host is what it sees of the daemon's. */
const sysctls = ['ip_unprivileged_port_start', 'ping_group_range'].map((name) => `/proc/sys/net/ipv4/${name}`)

/** Starts Debian's dockerd in network, mount and pid namespaces of its own, below a directory of its own. */
export async function startDockerd(): Promise<Dockerd> {
  const directory = await mkdtemp('/tmp/ib-dockerd-')
  const host = `unix://${directory}/sock`
  const cgroup = `inboard-conformance-${process.pid}`
  // The daemon keeps a key there, and it must not be the host's.
  const script = `ip link set lo up; ${sysctls.map((path) => `echo "${readFileSync(path, 'utf8').trim()}" >${path}`).join('; ')}; mkdir -p /etc/docker; mount -t tmpfs none /etc/docker
    exec dockerd --data-root ${directory}/data --exec-root ${directory}/exec -p ${directory}/pid -H ${host} \
      --bridge=none --iptables=false --ip6tables=false --cgroup-parent=/${cgroup}`
  const namespaces = ['--net', '--mount', '--propagation=private', '--pid', '--fork', '--kill-child', '--mount-proc']
  const daemon = spawn('unshare', [...namespaces, 'sh', '-c', script], { stdio: 'ignore' })
  const docker = (args: readonly string[], stdin?: Buffer) => run(host, directory, args, stdin)
  await answering(daemon, docker)
  return {
    pid: daemon.pid as number,
    docker,
    async import(name, rootfs) {
      await docker(['import', '-', name], await buffer(Readable.from(rootfs)))
    },
    async [Symbol.asyncDispose]() {
      const [dockerd] = (await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8')).trim().split(' ')
      process.kill(Number(dockerd), 'SIGTERM')
      await once(daemon, 'exit')
      await removeCgroups(cgroup)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function answering(
  daemon: ChildProcess,
  docker: (args: readonly string[]) => Promise<DockerOutput>,
): Promise<void> {
  for (const deadline = performance.now() + 60_000; (await docker(['version'])).exitCode !== 0; )
    if (daemon.exitCode !== null || performance.now() > deadline) throw new Error('dockerd did not start')
}

function run(host: string, directory: string, args: readonly string[], stdin?: Buffer): Promise<DockerOutput> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, DOCKER_HOST: host, DOCKER_CONFIG: directory }
    const child = execFile('docker', args, { env }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error ? 255 : 0, stdout, stderr })
    })
    child.stdin?.end(stdin)
  })
}

async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of ['', ...(await readdir('/sys/fs/cgroup'))])
    await rmdir(join('/sys/fs/cgroup', hierarchy, name)).catch(() => {})
}
