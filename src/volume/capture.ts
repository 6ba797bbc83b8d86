import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import { copyTree, extractPlain } from '../layer/index.js'
import { accessVolume } from './access.js'
import { makeDirectory } from './directories.js'
import { canBeLayer } from './layer-content.js'
import type { VolumeContext } from './volume-context.js'
import { isLocal, type VolumeOrigin } from './volume-record.js'

/** What a snapshot has of a volume. */
export interface CapturedVolume extends VolumeOrigin {
  /** Bytes of its files. */
  readonly size: number
}

export interface CaptureOptions {
  /** Called with the layers that have all of its files, top first, as long as the volume has those that are its own. */
  recorded(layers: readonly string[]): void
  readonly signal: AbortSignal
}

/**
 * Copies a volume's files to a layer that somebody has recorded, while those who use it stand still; of one that is over layers,
 * only what is its own. The volume stays what it is.
 *
 * @param layer a new one's id
 */
export function captureVolume(
  context: VolumeContext,
  name: string,
  layer: string,
  { recorded, signal }: CaptureOptions,
): Promise<void> {
  const { layers } = context
  const copy = async (from: string) => {
    const volume = context.store.get(name)
    const target = makeLayer(context, layer)
    failpoint('capture.volume')
    if (volume && isLocal(volume) && (await layers.hasFitUpper(volume, signal))) {
      recorded([layer, ...volume.layers])
      await copyTree(layers.upper(name), target, { signal })
    } else await copyTree(from, target, { signal })
  }
  return accessVolume(context, name, copy, signal)
}

/** Where the files of a new layer go. */
function makeLayer({ layers }: VolumeContext, layer: string): string {
  makeDirectory(layers.directory, 0o700)
  const path = `${layers.directory}/${layer}`
  makeDirectory(path, 0o700)
  return path
}

/** Extracts a volume's tar, of which nothing is believed, to a layer that somebody has recorded. */
export async function restoreLayer(
  context: VolumeContext,
  layer: string,
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const directory = makeLayer(context, layer)
  await extractPlain(tar, { directory }, { limits: context.layerLimits, signal })
}

/** Looks at what was copied: whether volumes can be laid over it. */
export async function settleCapture(
  { layers }: VolumeContext,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<CapturedVolume> {
  const paths = ids.map((id) => `${layers.directory}/${id}`)
  const sizes = await Promise.all(paths.map((path) => native().treeSize(path)))
  const size = sizes.reduce((sum, one) => sum + one, 0)
  const [top = ''] = paths
  // Of several, the ones below were laid under a volume before, and the top one was looked at before it was copied.
  const isShared = ids.length > 1 || (layers.isPossible() && (await canBeLayer(top, false, signal)))
  return { layers: ids, isShared, size }
}

/** Copies a captured volume's files, which volumes cannot be laid over. */
export async function copyOrigin(
  { layers }: VolumeContext,
  { layers: [layer = ''] }: VolumeOrigin,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  failpoint('capture.copy')
  await copyTree(`${layers.directory}/${layer}`, target, { signal })
}
