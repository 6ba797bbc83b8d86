import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installed } from './installed.js'

const execute = promisify(execFile)

export const podmanInstalled = installed('podman', 'crun', 'conmon')

export interface Login {
  readonly username: string
  readonly password: string
}

/** What another maker's client does with a registry. */
export interface RegistryClient extends AsyncDisposable {
  /** Brings a docker-archive to a registry; the digest that the registry has it under. */
  push(archive: string, reference: string): Promise<string>
  /** Pulls an image and runs `echo` of it; what it printed, and the digest that it was pulled by. */
  pullAndRun(reference: string, text: string): Promise<{ output: string; digest: string }>
}

/** `skopeo copy`, `umoci unpack`, and chroot in place of a container. */
export async function openSkopeo(login?: Login): Promise<RegistryClient> {
  const directory = await mkdtemp('/tmp/ib-skopeo-')
  const credentials = login ? `${login.username}:${login.password}` : undefined
  const skopeo = async (command: string, options: readonly string[], ...rest: readonly string[]) =>
    (await execute('skopeo', [command, ...options, ...rest])).stdout
  const towards = (end: 'src' | 'dest') => [
    `--${end}-tls-verify=false`,
    ...(credentials ? [`--${end}-creds=${credentials}`] : []),
  ]
  const inspect = async (reference: string) => {
    const options = ['--tls-verify=false', ...(credentials ? [`--creds=${credentials}`] : [])]
    return JSON.parse(await skopeo('inspect', options, `docker://${reference}`)).Digest
  }
  return {
    async push(archive, reference) {
      await skopeo('copy', towards('dest'), `docker-archive:${archive}`, `docker://${reference}`)
      return inspect(reference)
    },
    async pullAndRun(reference, text) {
      const place = await mkdtemp(join(directory, 'image-'))
      await skopeo('copy', towards('src'), `docker://${reference}`, `oci:${place}/layout:image`)
      await execute('umoci', ['unpack', '--image', `${place}/layout:image`, `${place}/bundle`])
      const output = execFileSync('/usr/sbin/chroot', [`${place}/bundle/rootfs`, 'echo', text], { encoding: 'utf8' })
      return { output, digest: await inspect(reference) }
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

const podmanOptions = '--storage-driver vfs --cgroup-manager cgroupfs --events-backend none --runtime crun'
// Limits that this process may set, and nothing left in the host's cgroups.
const podmanRunOptions =
  '--rm --pull never --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024'
// Debian's crun refuses a hybrid host whose v2 hierarchy has a controller left.
const withoutUnified = 'umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'

/** podman with its storage in a directory, for what runs nothing. */
export function podmanIn(directory: string) {
  const places = ['--root', `${directory}/root`, '--runroot', `${directory}/run`, '--storage-driver', 'vfs']
  return (...args: readonly string[]) => execute('podman', [...places, ...args])
}

/** podman with a storage of its own. */
export async function openPodman(): Promise<RegistryClient> {
  const directory = await mkdtemp('/tmp/ib-podman-')
  const places = ['root', 'runroot', 'tmpdir'].flatMap((option) => [`--${option}`, join(directory, option)])
  const command = ['podman', ...places, ...podmanOptions.split(' ')]
  const podman = async (...args: readonly string[]) => {
    const apart = ['--mount', '--propagation=private', 'sh', '-c', withoutUnified, 'sh', ...command, ...args]
    return (await execute('unshare', apart)).stdout.trim()
  }
  return {
    async push(archive, reference) {
      const loaded = /^Loaded image: (.*)$/m.exec(await podman('load', '--quiet', '--input', archive))?.[1] as string
      const file = join(directory, 'digest')
      await podman('push', '--quiet', '--tls-verify=false', '--digestfile', file, loaded, reference)
      // What it has already it would show by the digest that it knew first.
      await podman('rmi', '--force', loaded)
      return readFile(file, 'utf8')
    },
    async pullAndRun(reference, text) {
      await podman('pull', '--quiet', '--tls-verify=false', reference)
      const digest = await podman('image', 'inspect', '--format', '{{.Digest}}', reference)
      const output = await podman('run', ...podmanRunOptions.split(' '), reference, 'echo', text)
      return { output: `${output}\n`, digest }
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
