import type { HistoryEntry } from '../../image/index.js'
import type { ImageRunConfig } from '../../spec/options.js'
import { inlineCacheField } from '../cache/index.js'
import { keyOf } from '../key.js'
import { orderedConfig } from './run-config.js'

/** What an image's configuration document says, but for the times that only the first build of it decides on. */
export interface ImageContents {
  /** `linux/arm64/v8` */
  readonly platform: string
  readonly config: ImageRunConfig
  /** `--label`: each in place of the one of that name. */
  readonly labels: Readonly<Record<string, string>>
  readonly author: string
  /** Entries without a time get the image's. */
  readonly history: readonly HistoryEntry[]
  /** Bottom first. */
  readonly diffIds: readonly string[]
  /** What other builds can take of it. */
  readonly cache?: object | undefined
}

/**
 * A key of all that an image is but for its own time: two builds with the same one make the same image, and the second
 * takes the time of the first.
 */
export function contentsKey(contents: ImageContents): string {
  return keyOf({ kind: 'image', document: JSON.stringify(documentOf(contents, undefined)) })
}

/**
 * The configuration document of an image that was built.
 *
 * @param created RFC 3339
 * @see https://github.com/opencontainers/image-spec/blob/main/config.md
 */
export function writeDocument(contents: ImageContents, created: string): Buffer {
  return Buffer.from(JSON.stringify(documentOf(contents, created)))
}

function documentOf(
  { platform, config, labels, author, history, diffIds, cache }: ImageContents,
  created: string | undefined,
): object {
  const [os, architecture, variant] = platform.split('/')
  return {
    created,
    author: author || undefined,
    architecture,
    ...(variant && { variant }),
    os,
    config: orderedConfig(config, labels),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: history.map((entry) => ({ created, ...entry })),
    ...(cache && { [inlineCacheField]: cache }),
  }
}

/**
 * A history in which nothing is later than `SOURCE_DATE_EPOCH`, and all that this build has done is of then.
 *
 * @param own the first entry that this build has made
 * @param epoch seconds
 */
export function historyAsOf(history: readonly HistoryEntry[], own: number, epoch: number): HistoryEntry[] {
  const limit = epoch * 1000
  const created = timeOf(limit)
  const isLater = (entry: HistoryEntry) => entry.created !== undefined && Date.parse(entry.created) > limit
  return history.map((entry, at) => (at >= own || isLater(entry) ? { ...entry, created } : entry))
}

/** As BuildKit writes times: whole seconds have no fraction. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
