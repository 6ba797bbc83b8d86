import type { ContainerContext } from '../container/context.js'
import { whileThere } from '../container/files.js'
import { standStill } from '../container/freeze-running.js'
import { presentFor } from '../container/present.js'
import { tracedContainer } from '../container/traced-container.js'
import { failpoint } from '../errors/failpoint.js'
import type { PackChangesResult } from '../snapshot/index.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'
import type { ContainerRecord } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import type { Stages } from './assemble.js'
import { checkSnapshot, defaultSnapshotName, describeContainer } from './snapshot-description.js'
import { makingSnapshot, type SnapshotInTheMaking } from './snapshot-records.js'

/** Options of {@link Container.snapshot}. */
export interface TakeSnapshotOptions {
  /** Two or more letters, digits, `_`, `.` and `-`. Default: the container's name, `-` and eight hexadecimal digits. */
  readonly name?: string
  /** Of the snapshot. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** It stands still, and so do others that have its volumes, while files are copied. Default true. */
  readonly pause?: boolean
  /** Stops the work; nothing of it is left. */
  readonly signal?: AbortSignal
}

/** Takes a container's files and those of all its volumes as they are at one moment. */
export async function takeSnapshot(
  stages: Stages,
  context: ContainerContext,
  container: string,
  { pause = true, signal: given, ...rest }: TakeSnapshotOptions,
): Promise<ContainerSnapshotRecord> {
  const { name, labels } = checkSnapshot(rest)
  const signal = given ? AbortSignal.any([context.closing, given]) : context.closing
  signal.throwIfAborted()
  await presentFor(context, container, 'commit', signal)
  const record = context.containers.find(container)
  const document = describeContainer(stages.networking, record, labels)
  const newName = () => defaultSnapshotName(record.name)
  const work = { record, volumes: document.volumes, pause, signal }
  return traced('inboard:container.snapshot', tracedContainer(record), async (message) => {
    const made = await makingSnapshot(
      stages,
      { document, name, newName },
      (snapshot) => capture(stages, context, snapshot, work),
      signal,
    )
    if (message) message.snapshot = made.id
    return made
  })
}

interface Work {
  readonly record: ContainerRecord
  readonly volumes: readonly string[]
  readonly pause: boolean
  readonly signal: AbortSignal
}

/** The files that the container has changed become one more layer, of an image that nobody sees. */
async function capture(stages: Stages, context: ContainerContext, snapshot: SnapshotInTheMaking, work: Work) {
  const { images, volumes: keeper, containerSnapshots: store } = stages
  const { record, volumes, signal } = work
  let rootfsSize = 0
  const settle = async () => {
    for (const [position, { layers }] of (store.get(snapshot.id)?.volumes ?? []).entries()) {
      const settled = await keeper.settleCapture(layers, signal)
      store.setVolume(snapshot.id, position, settled)
    }
  }
  await images.commit({
    parent: record.image,
    isHidden: true,
    config: context.inspectImage(record).config,
    createdBy: `snapshot of ${record.name}`,
    pack: async (file) => {
      const packed = await whileThere(context, record, async () => {
        await using _ = work.pause
          ? await standStill(context, containersOf(stages, record, volumes), signal)
          : undefined
        failpoint('capture.files')
        return await copyFiles(stages, context, snapshot, work, file)
      })
      rootfsSize = packed.contentSize
      failpoint('capture.settle')
      await settle()
      return packed
    },
    recorded: ({ id }) => {
      store.finish(snapshot.id, id, rootfsSize)
    },
    signal,
  })
}

/** Who would change the files meanwhile. */
function containersOf({ volumes: { store } }: Stages, { id }: ContainerRecord, volumes: readonly string[]): string[] {
  const users = volumes.flatMap((name) => store.users(name))
  return [...new Set([id, ...users.flatMap(({ container, phase }) => (phase === 'started' ? [container] : []))])]
}

/** All at once: everybody stands still for it. */
async function copyFiles(
  { volumes: keeper, containerSnapshots: store }: Stages,
  context: ContainerContext,
  { id, layers }: SnapshotInTheMaking,
  { record, volumes, signal }: Work,
  file: string,
): Promise<PackChangesResult> {
  const packing = context.files(record).packChanges(file, { signal })
  const copying = volumes.map((name, position) =>
    keeper.capture(name, layers[position] as string, {
      recorded: (captured) => store.setVolume(id, position, { layers: captured, isShared: false, size: 0 }),
      signal,
    }),
  )
  // Nobody goes on before the last of them has ended, however it does.
  for (const ended of await Promise.allSettled([packing, ...copying]))
    if (ended.status === 'rejected') throw ended.reason
  return packing
}
