import { PassThrough, Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import { type ImageProgress, type SavedArchive, type SaveOptions, type SaveTarget, throttled } from '../image/index.js'
import type { ImagesContext } from './image.js'
import { Operation } from './operation.js'

/** A reader that is slow holds back no more than this. */
const streamBytes = 1024 * 1024

/** @param namesOf asked when the work begins */
export function saveImages(
  { store, closing }: ImagesContext,
  namesOf: () => readonly string[],
  target: SaveTarget,
  { signal: own, ...options }: SaveOptions,
): Operation<ImageProgress, SavedArchive> {
  return new Operation(
    async (report, signal) => {
      const names = namesOf()
      return reporting(`cannot save ${names.join(', ')}`, () =>
        store.save(names, target, { ...options, signal, onProgress: throttled(report) }),
      )
    },
    [closing, own],
  )
}

/** Begins when it is read. Fails with what the save fails with; destroying it ends the save. */
export function saveStream(context: ImagesContext, names: readonly string[], options: SaveOptions): Readable {
  return Readable.from(savedBytes(context, names, options), { objectMode: false, highWaterMark: streamBytes })
}

async function* savedBytes(context: ImagesContext, names: readonly string[], options: SaveOptions) {
  const stream = new PassThrough({ highWaterMark: streamBytes })
  const failed = saveImages(context, () => names, stream, options).then(
    () => undefined,
    (error: unknown) => {
      stream.destroy()
      return { error }
    },
  )
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw (await failed)?.error ?? error
  } finally {
    stream.destroy()
    await failed
  }
}
