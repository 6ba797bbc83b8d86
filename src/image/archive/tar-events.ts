import { type TarEntry, TarReader } from '../../layer/index.js'
import { invalidArchive } from '../documents/invalid.js'

/** A step through a tar archive. A `file` is followed by any number of `data`, then `end`. */
export type TarEvent =
  | { readonly kind: 'entry'; readonly entry: TarEntry }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }

const maxEntries = 100_000

/** The entries of an uncompressed tar, as they come; at most one chunk of the source is held. */
export async function* tarEvents(source: AsyncIterable<Buffer>): AsyncGenerator<TarEvent, void, undefined> {
  let events: TarEvent[] = []
  let position = 0
  let current: TarEntry | undefined
  const reader = new TarReader(
    {
      entry(entry) {
        current = entry
        position = 0
        events.push({ kind: 'entry', entry })
      },
      data(bytes, at) {
        if (at !== position) throw sparse(current)
        position += bytes.length
        events.push({ kind: 'data', bytes })
      },
      end() {
        if (position !== current?.size) throw sparse(current)
        events.push({ kind: 'end' })
      },
    },
    { maxEntries },
  )
  for await (const chunk of source) {
    reader.push(chunk)
    yield* events
    events = []
  }
  reader.finish()
}

function sparse(entry: TarEntry | undefined): Error {
  return invalidArchive(
    `${JSON.stringify(entry?.name ?? '').slice(0, 200)} is a sparse file, which an image archive cannot have`,
  )
}
