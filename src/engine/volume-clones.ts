import { randomBytes } from 'node:crypto'
import type { ContainerContext } from '../container/context.js'
import { standStill } from '../container/freeze-running.js'
import { checkText } from '../spec/invalid.js'
import { parseLabels } from '../spec/labels.js'
import { checkVolumeName } from '../spec/volume-name.js'
import type { VolumeRecord } from '../store/volumes.js'
import type { Still } from '../volume/clone-by-copy.js'
import type { VolumeKeeper } from '../volume/keeper.js'

/** Options of {@link Volume.clone}. */
export interface CloneVolumeOptions {
  /** Containers that run and have the volume stand still while its files are copied. Default true. */
  readonly pause?: boolean
  /** Of the clone. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Stops the work; nothing of the clone is left. */
  readonly signal?: AbortSignal
}

/** Options of {@link Volume.snapshot}. */
export interface SnapshotVolumeOptions extends CloneVolumeOptions {
  /** Default: the volume's, `-` and eight hexadecimal digits. */
  readonly name?: string
}

/** What clones of volumes need of the containers that use them. */
export interface ClonesContext {
  readonly keeper: VolumeKeeper
  readonly containers: ContainerContext
}

const longestName = 255

/** The name of a snapshot that is given none. */
export function snapshotName(volume: string): string {
  const suffix = `-${randomBytes(4).toString('hex')}`
  return `${volume.slice(0, longestName - suffix.length)}${suffix}`
}

export async function makeClone(
  { keeper, containers }: ClonesContext,
  source: VolumeRecord,
  name: string,
  { pause = true, labels }: CloneVolumeOptions,
  signal: AbortSignal,
): Promise<void> {
  const request = { name: checkVolumeName('name', checkText('name', name)), labels: { ...parseLabels(labels) } }
  const still: Still = (body) => (pause ? whileStill(containers, keeper, source.name, body, signal) : body())
  await keeper.clone(source, request, still, signal)
}

/** All stand still before the first file is read, and as long as this process lives at most. */
async function whileStill<Result>(
  containers: ContainerContext,
  { store }: VolumeKeeper,
  volume: string,
  body: () => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const users = store.users(volume).flatMap(({ container, phase }) => (phase === 'started' ? [container] : []))
  await using _ = await standStill(containers, users, signal)
  return await body()
}
