import type { Container, Readiness, RunBuilder, Scope, Snapshot } from '../index.js'
import type { Definition } from './definitions.js'
import { removeLeftSnapshots, snapshotLabels } from './left-snapshots.js'
import type { Surroundings } from './place.js'

/** What clones begin with. */
interface Original {
  readonly snapshot: Snapshot
  /** It is on the network of its place, as clones are on that of theirs. */
  readonly isOnPlace: boolean
  /** The readiness that its builder asked for. */
  readonly waitFor: readonly Readiness[]
  readonly waitTimeoutMs: number | undefined
}

/**
 * A container that is made once in a process, for whatever file asks first, and of which each test gets a clone: the database is
 * started and filled once, and fresh for every test. A clone begins with the files and volumes of the original as they were when the
 * definition had resolved, on the network of its test by the fixture's name, and is ready when the builder's `waitFor()` says so.
 *
 * @param define how the original is made; it has no others
 * @param fill what is done with the original before, such as making tables. Default: nothing
 *
 * @example
 * ```ts
 * const test = base.extend(containers({
 *   db: perTest(
 *     (e) => e.run('postgres:15').env({ POSTGRES_PASSWORD: 'x' }).waitFor(port(5432)),
 *     (db) => db.exec(['psql', '-U', 'postgres', '-c', 'create table t (n int)']),
 *   ),
 * }))
 * ```
 */
export function perTest(
  define: (scope: Scope) => RunBuilder | PromiseLike<Container> | Container,
  fill: (original: Container) => unknown = () => {},
): Definition<Container> {
  const clone = async (scope: Scope, _others: unknown, place: Surroundings): Promise<Container | Original> => {
    if (!place.originals) return takeOriginal(scope, place, define(scope), fill)
    return cloneOf(scope, place, (await place.originals.get(place.name)) as Original)
  }
  // Only places call it.
  return clone as unknown as Definition<Container>
}

async function takeOriginal(
  scope: Scope,
  { engine, network, inboard, signal }: Surroundings,
  built: RunBuilder | PromiseLike<Container> | Container,
  fill: (original: Container) => unknown,
): Promise<Original> {
  const { waitFor = [], waitTimeoutMs } = built instanceof inboard.RunBuilder ? built.toRequest() : {}
  await removeLeftSnapshots(engine)
  const container = await built
  await fill(container)
  const { HostConfig } = await container.inspect()
  const snapshot = await scope.use(container.snapshot({ labels: snapshotLabels(), signal }))
  await container.close()
  return { snapshot, isOnPlace: HostConfig.NetworkMode === network, waitFor, waitTimeoutMs }
}

function cloneOf(scope: Scope, { name, network, signal }: Surroundings, original: Original): Promise<Container> {
  const place = original.isOnPlace ? { network, networkAlias: [name] } : {}
  const clone = original.snapshot.run(undefined, { ...place, signal, ephemeral: true }).waitFor(...original.waitFor)
  return scope.use(original.waitTimeoutMs === undefined ? clone : clone.waitTimeout(original.waitTimeoutMs))
}
