import { availableParallelism } from 'node:os'
import { Container } from '../container/container.js'
import { type ContainerContext, detachedStreams } from '../container/context.js'
import { settle } from '../container/settle.js'
import { start } from '../container/start.js'
import { failpoint } from '../errors/failpoint.js'
import { reporting } from '../errors/system.js'
import { sharedContainer } from '../spec/index.js'
import { startsAtBoot } from '../spec/restart.js'
import { parseVolumesFrom } from '../spec/volumes-from.js'
import type { ContainerRecord } from '../store/containers.js'

/** What {@link Engine.restore} has done. */
export interface RestoreResult {
  /** Those that this call has started. */
  readonly started: readonly Container[]
  /** Those that could not be started, and why. */
  readonly failed: readonly { readonly container: Container; readonly error: unknown }[]
}

/** Starting takes the kernel as much as us. */
const atOnce = Math.max(4, 2 * availableParallelism())

/** Starts what should run by its restart policy, and does not: what others refer to first. */
export async function restore(context: ContainerContext, signal: AbortSignal | undefined): Promise<RestoreResult> {
  const wanted = await wantedContainers(context, signal)
  const places = new Places(atOnce)
  const begun = new Map<string, Promise<void>>()
  const started: Container[] = []
  const failed: { container: Container; error: unknown }[] = []
  const startOne = async (record: ContainerRecord, after: readonly Promise<void>[]) => {
    await Promise.all(after)
    await using _ = await places.take()
    if (signal?.aborted) return
    const container = new Container(context, record)
    try {
      const isOurs = await reporting(`cannot start container ${record.name}`, () => {
        failpoint('restore.start')
        return start(context, record.id, detachedStreams)
      })
      if (isOurs) started.push(container)
    } catch (error) {
      failed.push({ container, error })
    }
  }
  for (const record of inOrder(wanted, (one) => dependenciesOf(context, one))) {
    const after = dependenciesOf(context, record).flatMap((id) => begun.get(id) ?? [])
    begun.set(record.id, startOne(record, after))
  }
  await Promise.all(begun.values())
  signal?.throwIfAborted()
  return { started, failed }
}

async function wantedContainers(
  context: ContainerContext,
  signal: AbortSignal | undefined,
): Promise<ContainerRecord[]> {
  const wanted: ContainerRecord[] = []
  for (const listed of context.containers.list()) {
    signal?.throwIfAborted()
    if (listed.phase === 'started') await settle(context, listed)
    const record = context.containers.get(listed.id)
    if (record && isWanted(record)) wanted.push(record)
  }
  // As they were made, where nothing else tells.
  return wanted.reverse()
}

/** One that never ran is not begun by this. */
function isWanted({ phase, outcome, isStopped, config }: ContainerRecord): boolean {
  if (phase !== 'exited' || !outcome) return false
  const { exitCode, restarts = 0 } = outcome
  return startsAtBoot(config.restartPolicy, { exitCode, restarts, isStopped })
}

/** The containers that one's links, volumes and shared namespaces are of: ids. */
function dependenciesOf(context: ContainerContext, { id, config }: ContainerRecord): string[] {
  const shared = [config.network, config.pidMode, config.ipcMode].flatMap((mode) => sharedContainer(mode) ?? [])
  const named = [
    ...context.networking(id).links.map(({ target }) => target),
    ...config.links.map(({ container }) => container),
    ...config.volumesFrom.map((entry) => parseVolumesFrom(entry).container),
    ...shared,
  ]
  return [...new Set(named)].flatMap(
    (name) => context.containers.getByName(name)?.id ?? context.containers.get(name)?.id ?? [],
  )
}

/** Each after those that it depends on; whoever depends on himself in the end comes where he was. */
function inOrder<One extends { readonly id: string }>(
  all: readonly One[],
  dependencies: (one: One) => readonly string[],
): One[] {
  const byId = new Map(all.map((one) => [one.id, one]))
  const ordered = new Set<One>()
  const onTheWay = new Set<string>()
  const visit = (one: One) => {
    if (ordered.has(one) || onTheWay.has(one.id)) return
    onTheWay.add(one.id)
    for (const id of dependencies(one)) {
      const other = byId.get(id)
      if (other) visit(other)
    }
    ordered.add(one)
  }
  all.forEach(visit)
  return [...ordered]
}

/** So many at once; the others wait their turn. */
class Places {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<AsyncDisposable> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return { [Symbol.asyncDispose]: async () => this.#give() }
  }

  #give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
