import type { Container } from '../container/container.js'
import type { RunBuilder } from '../container/run-builder.js'
import type { Snapshot } from '../engine/snapshot.js'
import type { TakeSnapshotOptions } from '../engine/snapshot-capture.js'
import { InvalidStateError } from '../errors/index.js'
import { reachedAt } from './address.js'
import type { NoCredentials, ServiceAddress, ServicePreset, Settled } from './preset.js'
import { runOptions, type StartOptions } from './start-options.js'

/** A service that runs, and is ready. */
export interface ServiceHandle<Own extends object = NoCredentials> extends ServiceAddress, AsyncDisposable {
  readonly container: Container
  /**
   * Where this process reaches it: its container's address on its network, or with `publish: true` 127.0.0.1. `localhost` for
   * a container without an address: on `host`, and on `none`, where `container.connect()` and `dispatcher()` reach it.
   */
  readonly host: string
  readonly port: number
  /** What its clients' libraries take, to be reached from this process. */
  readonly connectionString: string
  /** The same as a URL. */
  readonly url: URL
  /**
   * What others take that reach it by another name: containers on its network, by its name there.
   *
   * @param port default: the container's
   *
   * @example
   * ```ts
   * const db = await postgres().start(scope, { name: 'db', network: 'backend' })
   * await scope.run('my/app').network('backend').env({ DATABASE_URL: db.connectionStringAt('db') })
   * ```
   */
  connectionStringAt(host: string, port?: number): string
  /**
   * Takes a snapshot of it, of which any number of the same service can be started, each with what this one has now. What is in its
   * memory is written to its files first, where it needs that.
   *
   * @example
   * ```ts
   * await using snapshot = await db.snapshot()
   * await using mine = await snapshot.start()
   * ```
   */
  snapshot(options?: TakeSnapshotOptions): Promise<ServiceSnapshot<Own>>
  /** Removes its container with its anonymous volumes. One that is reused stays: it is others', too. */
  close(): Promise<void>
}

/** A service that runs, with what clients log in with: `db.password`. */
export type RunningService<Own extends object = NoCredentials> = Settled<Own> & ServiceHandle<Own>

/** What a service had at a moment. */
export interface ServiceSnapshot<Own extends object = NoCredentials> extends AsyncDisposable {
  readonly snapshot: Snapshot
  /** Another one of the service that has all that it had, ready. */
  start(options?: StartOptions): Promise<RunningService<Own>>
  /** Removes the snapshot. Those that were started of it stay. */
  close(): Promise<void>
}

/** Starts what a builder says, and waits until it is ready. */
export async function running<Own extends object>(
  preset: ServicePreset<Own>,
  credentials: Settled<Own>,
  run: RunBuilder,
  { publish, timeoutMs, reuse }: Pick<StartOptions, 'publish' | 'timeoutMs' | 'reuse'>,
): Promise<RunningService<Own>> {
  const isPublished = publish === true
  const ready = run.waitFor(...preset.ready(credentials))
  const container = await (timeoutMs === undefined ? ready : ready.waitTimeout(timeoutMs))
  const close = async () => {
    if (reuse === undefined) await container.close()
  }
  try {
    const address = await reachedAt(container, preset.port, isPublished)
    const connectionString = preset.connectionString(address, credentials)
    const handle: ServiceHandle<Own> = {
      ...address,
      container,
      connectionString,
      url: new URL(connectionString),
      connectionStringAt: (host: string, port = preset.port) => preset.connectionString({ host, port }, credentials),
      snapshot: (options?: TakeSnapshotOptions) => snapshotOf({ preset, credentials, container, isPublished }, options),
      close,
      [Symbol.asyncDispose]: close,
    }
    return Object.freeze({ ...credentials, ...handle }) as RunningService<Own>
  } catch (error) {
    await close()
    throw error
  }
}

interface Original<Own extends object> {
  readonly isPublished: boolean
  readonly preset: ServicePreset<Own>
  readonly credentials: Settled<Own>
  readonly container: Container
}

async function snapshotOf<Own extends object>(
  { preset, credentials, container, isPublished }: Original<Own>,
  options: TakeSnapshotOptions | undefined,
): Promise<ServiceSnapshot<Own>> {
  const command = preset.beforeSnapshot?.(credentials)
  if (command) await prepared(preset, container, command)
  const snapshot = await container.snapshot(options)
  const close = () => snapshot.close()
  return {
    snapshot,
    // What the original publishes a clone does as well.
    start: (started = {}) =>
      running(preset, credentials, snapshot.run(undefined, runOptions(preset, started)), {
        publish: isPublished,
        ...started,
      }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function prepared(
  { name }: Pick<ServicePreset, 'name'>,
  container: Container,
  command: readonly string[],
): Promise<void> {
  const { exitCode, stdout, stderr } = await container.exec(command)
  if (exitCode === 0) return
  const output = `${stdout}${stderr}`.trim()
  throw new InvalidStateError(`${name} cannot be made ready for a snapshot: ${command[0]} failed: ${output}`, {
    code: 'INVALID_STATE',
    details: { container: container.id, exitCode, output },
  })
}
