import { opendirSync, statSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { AT_FDCWD, native, type Stat } from '../host/index.js'
import { copyOwnAttributes } from '../layer/index.js'
import type { ImageDirectory } from '../snapshot/index.js'
import { fillFailed } from './fill-failure.js'
import { FillStaging, insideName, publishedName } from './fill-staging.js'

/** What a volume is filled with. */
export type FillSource = Pick<ImageDirectory, 'source' | 'isEmpty' | 'isSmall'>

export interface FillRequest {
  readonly source: FillSource
  /** The volume's directory; it stays the same one, as containers may have it mounted. */
  readonly target: string
  /** A directory of the same filesystem that nobody else writes to; `target` itself when there is none. */
  readonly staging: string
  readonly signal?: AbortSignal | undefined
}

/**
 * Fills an empty volume with a directory of an image: its content, and its owner, mode, extended attributes and times. The
 * caller holds the volume's lock. What somebody has put there meanwhile stays as it is, and nothing is ever removed.
 *
 * The content is staged whole, published by a rename, then moved in name by name: a fill that is cut short is finished,
 * or undone when nothing was published yet, by the next one. Not synced, as with Docker: what a power cut takes is
 * what any program loses that has just written it, while a sync of the whole filesystem takes seconds on a busy host.
 *
 * @returns whether it was filled, or an earlier fill finished
 * @throws VolumeError VOLUME_FAILED; the volume is empty then, or the next fill finishes this one
 */
export async function fill({ source, target, staging, signal }: FillRequest): Promise<boolean> {
  signal?.throwIfAborted()
  try {
    return await withStaging(target, staging, async (place) => {
      if (await place.recover()) return true
      if (!isEmpty(target)) return false
      if (source.isEmpty) {
        failpoint('fill.attributes')
        copyOwnAttributes(source.source, place.target)
      } else {
        await place.stage(source, signal)
        await place.finish()
      }
      return true
    })
  } catch (error) {
    throw error === signal?.reason ? error : fillFailed(target, error)
  }
}

/**
 * Finishes or undoes a fill that was cut short.
 *
 * @returns whether there was one to be finished
 * @throws VolumeError VOLUME_FAILED
 */
export async function finishFill(target: string, staging: string): Promise<boolean> {
  try {
    return await withStaging(target, staging, (place) => place.recover())
  } catch (error) {
    throw fillFailed(target, error)
  }
}

/** Whether a fill has begun to show, and was not finished: it is under way, or was cut short. */
export function isHalfFilled(target: string, staging: string): boolean {
  const left = `${staging}/${staging === target ? insideName : publishedName}`
  return statSync(left, { throwIfNoEntry: false }) !== undefined
}

/**
 * Whether {@link fill} would do something: the volume is empty, or not there yet, or was left half filled. One that was
 * filled with an empty directory is as that is.
 */
export function isToBeFilled(target: string, staging: string, source?: ImageDirectory): boolean {
  const stat = native().statAt(AT_FDCWD, target)
  if (stat === undefined || isHalfFilled(target, staging)) return true
  return !(source?.isEmpty && isAlike(stat, source)) && isEmpty(target)
}

async function withStaging<Result>(
  target: string,
  staging: string,
  body: (place: FillStaging) => Promise<Result>,
): Promise<Result> {
  const place = new FillStaging(target, staging)
  try {
    return await body(place)
  } finally {
    place.close()
  }
}

function isAlike(stat: Stat, { mode, uid, gid, mtime: [seconds, nanoseconds] }: ImageDirectory): boolean {
  return (
    (stat.mode & 0o7777) === mode &&
    stat.uid === uid &&
    stat.gid === gid &&
    stat.mtime[0] === seconds &&
    stat.mtime[1] === nanoseconds
  )
}

/** The first entry tells, however many there are. A new filesystem's `lost+found` counts, as with Docker. */
function isEmpty(path: string): boolean {
  const directory = opendirSync(path, { bufferSize: 1 })
  try {
    return directory.readSync() === null
  } finally {
    directory.closeSync()
  }
}
