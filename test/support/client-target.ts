import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandOptions, type CommandResult, command, testApi } from './api.js'
import { imageArchive, type TestImage } from './images.js'

/** An API that real clients are tested with. */
export interface ClientTarget extends AsyncDisposable {
  readonly socket: string
  /** For the test's own files; goes with the target. */
  readonly directory: string
  /** What a client finds the API by. */
  readonly env: Readonly<Record<string, string>>
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** What is left on the host: see `testEngine`. */
  leaks(): Promise<string[]>
}

/**
 * An engine of its own behind its API. With `INBOARD_TEST_DAEMON`, the path of a Docker daemon's socket, that daemon: so a test
 * is itself tried. It connects to published ports, and so runs in the daemon's network namespace then:
 * `nsenter --net=/run/netns/oracle sh -c 'INBOARD_OWN_NETWORK=$(readlink /proc/self/ns/net) npx vitest run ...'`.
 */
export async function clientTarget(images: readonly TestImage[] = ['busybox']): Promise<ClientTarget> {
  const daemon = process.env.INBOARD_TEST_DAEMON
  return daemon === undefined ? testApi(images) : daemonTarget(daemon, images)
}

async function daemonTarget(socket: string, images: readonly TestImage[]): Promise<ClientTarget> {
  const directory = await mkdtemp('/tmp/ib-daemon-')
  const config = join(directory, 'docker-config')
  await mkdir(config)
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config }
  const docker = (args: readonly string[], options: CommandOptions = {}) =>
    command('docker', args, { ...options, env: { ...env, ...options.env } })
  for (const image of images) await docker(['load', '--quiet', '--input', imageArchive(image)])
  return {
    socket,
    directory,
    env,
    docker,
    leaks: async () =>
      (await docker(['ps', '--all', '--format', 'container {{.Names}}'])).stdout.split('\n').filter(Boolean),
    async [Symbol.asyncDispose]() {
      const { stdout } = await docker(['ps', '--all', '--quiet'])
      for (const id of stdout.split('\n').filter(Boolean)) await docker(['rm', '--force', '--volumes', id])
      await docker(['network', 'prune', '--force'])
      await docker(['volume', 'prune', '--force'])
      await rm(directory, { recursive: true })
    },
  }
}
