import { failpoint } from '../errors/failpoint.js'
import { InvalidOptionError } from '../errors/index.js'
import {
  type ArchiveSource,
  type ImageProgress,
  type SavedArchive,
  type SaveTarget,
  sourceBytes,
  throttled,
  writeCounted,
} from '../image/index.js'
import { compileFilesystem } from '../launch/view-plan.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'
import { exportTree } from '../volume/archive.js'
import type { Stages } from './assemble.js'
import { lendRoot } from './container-view.js'
import { takeFault } from './launcher.js'
import { writeSnapshot } from './snapshot-archive.js'
import { parseSnapshotDocument } from './snapshot-archive-document.js'
import { openSnapshotArchive } from './snapshot-archive-reader.js'
import { defaultSnapshotName } from './snapshot-description.js'
import { locked, makingSnapshot, noSuchSnapshot } from './snapshot-records.js'

type OnProgress = (progress: ImageProgress) => void

/** Writes a snapshot to an archive. Nobody removes it meanwhile. */
export function saveSnapshot(
  stages: Stages,
  { id, name }: ContainerSnapshotRecord,
  target: SaveTarget,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: OnProgress },
): Promise<SavedArchive> {
  const save = async () => {
    const record = stages.containerSnapshots.get(id)
    if (!record?.isMade || record.image === undefined) throw noSuchSnapshot(name)
    return stages.images.withArchive(
      record.image,
      (image) => {
        const volumes = () => volumeStreams(stages, record, signal)
        return writeCounted(writeSnapshot(record, { volumes, image }), target, signal, throttled(onProgress))
      },
      signal,
    )
  }
  return locked(stages, id, save, signal)
}

async function* volumeStreams(stages: Stages, { volumes }: ContainerSnapshotRecord, signal: AbortSignal) {
  for (const { layers } of volumes) {
    const [top = '', ...below] = layers
    if (below.length === 0) {
      yield exportTree({ directory: `${stages.volumes.layersDirectory}/${top}` }, { signal })
      continue
    }
    await using view = await openLayers(stages, layers)
    yield exportTree({ directory: view.root }, { signal })
  }
}

/** What several layers are together, mounted where nobody else sees it: gone with this process whatever happens to it. */
async function openLayers({ volumes, paths }: Stages, layers: readonly string[]) {
  failpoint('capture.view')
  const plan = compileFilesystem({
    root: { kind: 'overlay', directory: volumes.layersDirectory, lowerdirs: layers },
    place: paths.containers,
    followsRedirects: true,
    ...takeFault(),
  })
  const { root, end } = await lendRoot(plan, 'cannot reach the files of a snapshot')
  return { root, [Symbol.asyncDispose]: end }
}

/** What a load may be told. */
export interface LoadSnapshotRequest {
  /** Default: the archived one's, or where that is taken its container's with a suffix. */
  readonly name: string | undefined
  readonly maxBytes: number | undefined
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

/** Makes a snapshot of an archive: of an image that nobody sees, and layers of volumes. */
export async function loadSnapshot(
  stages: Stages,
  source: ArchiveSource,
  { name, maxBytes = Number.POSITIVE_INFINITY, signal, onProgress }: LoadSnapshotRequest,
): Promise<ContainerSnapshotRecord> {
  const report = throttled(onProgress)
  let current = 0
  const onBytes = (more: number) => {
    current += more
    if (current > maxBytes) throw tooLarge(maxBytes)
    report({ kind: 'bytes', current })
  }
  await using parts = await openSnapshotArchive(asBuffers(sourceBytes(source, { signal, onBytes })))
  const archived = parseSnapshotDocument(parts.document, stages.logDrivers)
  const isFree = stages.containerSnapshots.getByName(archived.name) === undefined
  const request = {
    document: archived.document,
    createdAtMs: archived.createdAtMs,
    name,
    newName: () => (isFree ? archived.name : defaultSnapshotName(archived.document.container.name)),
  }
  const fill = async ({ id, layers }: { id: string; layers: readonly string[] }) => {
    for (const [position, layer] of layers.entries()) {
      failpoint('capture.load')
      await stages.volumes.restoreLayer(layer, parts.volume(position), signal)
      stages.containerSnapshots.setVolume(id, position, await stages.volumes.settleCapture([layer], signal))
    }
    await stages.images.loadHidden(parts.image(), {
      maxBytes,
      signal,
      recorded: (image) => stages.containerSnapshots.finish(id, image, archived.rootfsSize),
    })
    await parts.finish()
  }
  return await makingSnapshot(stages, request, fill, signal)
}

async function* asBuffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of source) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function tooLarge(maxBytes: number): InvalidOptionError {
  return new InvalidOptionError(`The archive is larger than ${maxBytes} bytes: allow more, or give another`, {
    code: 'INVALID_ARCHIVE',
    details: { maxBytes },
  })
}
