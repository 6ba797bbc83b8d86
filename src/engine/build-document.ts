import { contentsKey, historyAsOf, type ImageContents, timeOf, writeDocument } from '../build/export/document.js'
import type { StageResult } from '../build/stage-state.js'
import type { ImageStore } from '../image/index.js'

/** What decides on a document beside what was built. */
export interface DocumentSettings {
  readonly labels: Readonly<Record<string, string>>
  /** Seconds since 1970: `SOURCE_DATE_EPOCH`. */
  readonly epoch: number | undefined
}

/** The configuration document of what was built: of the time when an image like it was built first. */
export function builtDocument(
  steps: Pick<ImageStore['steps'], 'imageTime'>,
  { platform, config, author, history, base }: StageResult,
  diffIds: readonly string[],
  { labels, epoch }: DocumentSettings,
): Buffer {
  const contents: ImageContents = { platform, config, labels, author, history, diffIds }
  if (epoch === undefined) return writeDocument(contents, timeOf(steps.imageTime(contentsKey(contents))))
  const asOf = historyAsOf(history, base?.history ?? 0, epoch)
  return writeDocument({ ...contents, history: asOf }, timeOf(epoch * 1000))
}
