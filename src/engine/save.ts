import { PassThrough, type Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import { type ImageProgress, type SavedArchive, type SaveOptions, type SaveTarget, throttled } from '../image/index.js'
import type { ImagesContext } from './image.js'
import { Operation } from './operation.js'

/** A reader that is slow holds back no more than this. */
const streamBytes = 1024 * 1024

export function saveImages(
  { store, closing }: ImagesContext,
  names: readonly string[],
  target: SaveTarget,
  { format, signal: own }: SaveOptions,
): Operation<ImageProgress, SavedArchive> {
  const what = names.join(', ')
  return new Operation(
    (report, signal) =>
      reporting(`cannot save ${what}`, () =>
        store.save(names, target, { ...(format && { format }), signal, onProgress: throttled(report) }),
      ),
    [closing, own],
  )
}

/** Fails with what the save fails with; destroying it ends the save. */
export function saveStream(context: ImagesContext, names: readonly string[], options: SaveOptions): Readable {
  const stream = new PassThrough({ highWaterMark: streamBytes })
  saveImages(context, names, stream, options).catch((error: unknown) => stream.destroy(error as Error))
  return stream
}
