import type { ApiServer, Engine, ServeOptions } from '../index.js'
import type { Command, Given } from './command.js'
import { notify } from './notify.js'
import { openEngine, rootOptions, withEngine } from './roots.js'
import { placeOptions, waysToServe } from './serve-options.js'

/** `inboard serve`. */
export const serve: Command = {
  words: ['serve'],
  summary: 'Serve the Docker Engine API, for docker, docker-compose and other clients',
  options: {
    ...placeOptions,
    ...rootOptions,
    'no-restore': { type: 'boolean', help: 'Start none of the containers that should run by their restart policies' },
    'systemd-unit': { type: 'boolean', help: 'Print a unit of systemd that serves with these options, and end' },
  },
  notes: `Whoever may open the socket is root on this machine. It serves until SIGTERM or SIGINT; containers go on.

  inboard serve --group docker
  DOCKER_HOST=unix:///run/inboard/docker.sock docker ps`,
  async run(given) {
    const ways = waysToServe(given)
    if (!given.flag('systemd-unit')) return serveUntilTold(given, ways)
    // What it is asked for comes last: of an option that is there twice, that counts.
    const words = process.argv.slice(3).filter((word) => word !== '--systemd-unit')
    process.stdout.write(await withEngine(given, (engine) => engine.systemdUnit({ serve: words })))
    return 0
  },
}

async function serveUntilTold(given: Given, ways: readonly ServeOptions[]): Promise<number> {
  const stop = stopSignal()
  // One request that went wrong is no reason to leave the others.
  process.on('unhandledRejection', (error) => warn((error as Error)?.stack ?? String(error)))
  const engine = await openEngine(given)
  try {
    const servers = await serveAll(engine, ways, stop)
    for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name]
    tell(servers)
    if (!given.flag('no-restore')) await restore(engine, stop)
    await notify('--ready')
    await Promise.race([stopped(stop), ...servers.map(({ closed }) => closed)])
    await notify('STOPPING=1')
    await Promise.all(servers.map((server) => server.close()))
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    await engine.close()
  }
  return 0
}

/** Fires at the first signal that asks this process to end; the next one ends it as it does any other. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  const onSignal = () => {
    for (const signal of signals) process.off(signal, onSignal)
    controller.abort()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return controller.signal
}

const stopped = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** At all of them, or at none: whoever has begun to serve ends with the engine. */
async function serveAll(engine: Engine, ways: readonly ServeOptions[], signal: AbortSignal): Promise<ApiServer[]> {
  const servers: ApiServer[] = []
  for (const way of ways) servers.push(await engine.serve({ ...way, signal }))
  return servers
}

function tell(servers: readonly ApiServer[]): void {
  const addresses = servers.flatMap((server) => server.addresses)
  process.stdout.write(addresses.map((address) => `The Docker Engine API is served at ${address}\n`).join(''))
}

/** What should run, as Docker's daemon does when it starts. */
async function restore(engine: Engine, signal: AbortSignal): Promise<void> {
  const { started, failed } = await engine.restore({ signal })
  for (const { name } of started) process.stdout.write(`Started ${name}\n`)
  for (const { container, error } of failed) warn(`${container.name}: ${(error as Error).message}`)
}

function warn(text: string): void {
  process.stderr.write(`inboard serve: ${text}\n`)
}
