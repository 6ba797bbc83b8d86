import { ConflictError, NotFoundError } from '../errors/index.js'
import { parseReference } from '../reference/reference.js'
import { nanoseconds, parseMoment } from '../spec/moment.js'
import type { ImageLine } from '../store/image-list.js'
import type { ImageRecords } from '../store/images.js'
import { hasLabels, type LabelFilter, lacksLabels } from './labels.js'
import type { LabelsOf } from './list.js'
import type { RemoveImageOptions } from './remove.js'
import type { RemovedItem } from './types.js'

/** Options of {@link Images.prune}. */
export interface PruneImagesOptions {
  /** Also images with names. Default false: only dangling ones, which have no tag and no images committed from them. */
  readonly all?: boolean
  /** Only images made before this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. */
  readonly until?: Date | number | string
  /** Only images with this label, `key` or `key=value`; of several, with all of them. */
  readonly label?: LabelFilter
  /** Only images without this label; of several, without any of them. */
  readonly withoutLabel?: LabelFilter
}

export interface PrunedImages {
  /** What was done, in order, as {@link Images.remove} tells it. */
  readonly deleted: readonly RemovedItem[]
  /** Bytes of the files of the layers that went. */
  readonly spaceReclaimed: number
}

/** What is to be removed of an image: its names, or the image itself by its ID. */
export type PruneTarget = { readonly id: string; readonly names: readonly string[] }

/**
 * The images that `docker image prune` removes. An image that a container uses stays as it is, with its names: Docker
 * takes all but one of them.
 */
export function pruneTargets(
  lines: readonly ImageLine[],
  labelsOf: LabelsOf,
  { all = false, until, label, withoutLabel }: PruneImagesOptions,
): PruneTarget[] {
  const end = until === undefined ? undefined : parseMoment('until', until)
  const isPruned = (line: ImageLine) => {
    if (line.containers > 0 || !isRemovable(line, all)) return false
    const at = nanoseconds(line.created_at)
    if (end !== undefined && (at === undefined || at > end)) return false
    const labels = labelsOf(line.id)
    return hasLabels(labels, label) && lacksLabels(labels, withoutLabel)
  }
  return lines.filter(isPruned).map(({ id, references }) => ({ id, names: references }))
}

/**
 * Removes them one by one. What was used, named or removed since it was looked at stays, or has gone already.
 *
 * @param remove removes a name, or an ID
 */
export function pruneImages(
  records: Pick<ImageRecords, 'snapshot'>,
  targets: readonly PruneTarget[],
  remove: (nameOrId: string, options: RemoveImageOptions) => RemovedItem[],
): PrunedImages {
  const deleted = targets.flatMap(({ id, names }) =>
    (names.length > 0 ? names : [id]).flatMap((nameOrId) => attempt(() => remove(nameOrId, {}))),
  )
  // Records of layers stay until the collection that follows.
  const sizes = deleted.map((item) => ('deleted' in item ? (records.snapshot(item.deleted)?.size ?? 0) : 0))
  return { deleted, spaceReclaimed: sizes.reduce((sum, size) => sum + size, 0) }
}

function attempt(remove: () => RemovedItem[]): RemovedItem[] {
  try {
    return remove()
  } catch (error) {
    if (error instanceof ConflictError || error instanceof NotFoundError) return []
    throw error
  }
}

function isRemovable({ references, has_children }: ImageLine, all: boolean): boolean {
  if (all) return references.length > 0 || !has_children
  return !has_children && references.every((name) => parseReference(name).digest !== undefined)
}
