import { sortAnnotations } from '../build/export/annotations.js'
import { contentsKey, historyAsOf, type ImageContents, timeOf, writeDocument } from '../build/export/document.js'
import { squashedHistory } from '../build/export/squash.js'
import type { StageResult } from '../build/index.js'
import { digestOf } from '../content/digest.js'
import type { BuiltImage, HistoryEntry, ImageStore } from '../image/index.js'
import type { BuildOptions } from './build-options.js'

/** What decides on an image beside what was built. */
export interface ImageSettings {
  readonly options: Pick<BuildOptions, 'label' | 'annotation' | 'squash'>
  /** Seconds since 1970: `SOURCE_DATE_EPOCH`. */
  readonly epoch: number | undefined
}

/** What a target has come to. */
export interface BuiltStage extends StageResult {
  /** What the configuration says of the steps of its making. */
  readonly inlineCache?: object | undefined
}

/** What was built as an image. */
export function builtImage(
  steps: Pick<ImageStore['steps'], 'imageTime'>,
  result: BuiltStage,
  settings: ImageSettings,
): BuiltImage {
  const { options } = settings
  const { manifest: annotations } = sortAnnotations(options.annotation ?? {})
  const { layers } = result.filesystem
  const kept = result.base?.layers ?? 0
  const write = (diffIds: readonly string[], history = result.history) =>
    writeTimed(steps, { ...result, history }, diffIds, settings)
  const squashed = (diffIds: readonly string[]) => {
    const id = digestOf(write(layers.map(({ diffId }) => diffId)))
    return write(diffIds, squashedHistory(result, id, diffIds.length > kept))
  }
  return {
    layers,
    ...(annotations && { annotations }),
    ...(options.squash === true
      ? { squashAbove: kept, document: squashed }
      : { document: (diffIds) => write(diffIds) }),
  }
}

/** The configuration document: of the time when an image like it was built first, or of the epoch. */
function writeTimed(
  steps: Pick<ImageStore['steps'], 'imageTime'>,
  { platform, config, author, history, base, inlineCache }: BuiltStage,
  diffIds: readonly string[],
  { options: { label: labels = {}, squash = false }, epoch }: ImageSettings,
): Buffer {
  // The layers of a squashed image are not those of its steps.
  const cache = squash ? undefined : inlineCache
  const contents: ImageContents = { platform, config, labels, author, history, diffIds, cache }
  if (epoch === undefined) {
    const own = lastTime(history.slice(base?.history ?? 0))
    return writeDocument(contents, timeOf(steps.imageTime(contentsKey(contents), own)))
  }
  const asOf = historyAsOf(history, base?.history ?? 0, epoch)
  return writeDocument({ ...contents, history: asOf }, timeOf(epoch * 1000))
}

/**
 * When the last files of a build were made: then the image was made, wherever it is built again from what a cache has of it.
 * Undefined: it has made none.
 */
function lastTime(history: readonly HistoryEntry[]): number | undefined {
  const times = history.flatMap(({ created }) => (created === undefined ? [] : [Date.parse(created)]))
  return times.length === 0 ? undefined : Math.max(...times)
}
