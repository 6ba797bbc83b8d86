import { InvalidOptionError } from '../errors/index.js'
import { type TarEvent, tarEvents } from '../image/index.js'
import { documentName, pieceName, streamNames } from './snapshot-archive.js'

/** Nothing that is made here comes near it. */
const maxDocumentBytes = 4 * 1024 * 1024

/** The parts of a snapshot's archive: to be taken one after the other, each to its end. */
export interface SnapshotParts {
  readonly document: Buffer
  /** The tar of a volume. */
  volume(at: number): AsyncIterable<Buffer>
  image(): AsyncIterable<Buffer>
  /** @throws {InvalidOptionError} INVALID_ARCHIVE when there is more */
  finish(): Promise<void>
  /** Lets go of the source. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Reads what {@link writeSnapshot} writes, of which nothing is believed: at most a chunk of the source is held, beside the document.
 *
 * @throws {InvalidOptionError} INVALID_ARCHIVE; {LayerError} LAYER_INVALID for what is no tar
 */
export async function openSnapshotArchive(source: AsyncIterable<Buffer>): Promise<SnapshotParts> {
  const files = new Files(tarEvents(source))
  const document = await readDocument(files).catch(async (error) => {
    await files.close()
    throw error
  })
  return {
    document,
    volume: (at) => files.part(streamNames.volume(at)),
    image: () => files.part(streamNames.image),
    finish: async () => {
      await files.leavePart()
      if (files.current !== undefined) throw invalidSnapshot(`it has ${JSON.stringify(files.current).slice(0, 200)}`)
    },
    [Symbol.asyncDispose]: () => files.close(),
  }
}

async function readDocument(files: Files): Promise<Buffer> {
  await files.next()
  if (files.current !== documentName) throw invalidSnapshot(`it does not begin with ${documentName}`)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of files.content()) {
    length += chunk.length
    if (length > maxDocumentBytes) throw invalidSnapshot(`${documentName} is larger than ${maxDocumentBytes} bytes`)
    chunks.push(Buffer.from(chunk))
  }
  await files.next()
  return Buffer.concat(chunks)
}

/** The files of a tar, one after the other. */
class Files {
  readonly #events: AsyncGenerator<TarEvent, void, undefined>
  /** The name of the file that is read next, or now; undefined: there is none. */
  current: string | undefined
  #part = ''

  constructor(events: AsyncGenerator<TarEvent, void, undefined>) {
    this.#events = events
  }

  /** Goes to the next file, whatever was read of this one. */
  async next(): Promise<void> {
    for (;;) {
      const { value: event } = await this.#events.next()
      if (event && event.kind !== 'entry') continue
      if (event && event.entry.kind !== 'file') throw invalidSnapshot('it has more than files')
      this.current = event?.entry.name
      return
    }
  }

  async *content(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const { value: event } = await this.#events.next()
      if (event?.kind !== 'data') return
      yield event.bytes
    }
  }

  async close(): Promise<void> {
    await this.#events.return()
  }

  /** What the pieces of a part are together. */
  async *part(name: string): AsyncGenerator<Buffer, void, undefined> {
    await this.leavePart()
    this.#part = `${name}/`
    for (let at = 0; this.current?.startsWith(this.#part); at++) {
      if (this.current !== pieceName(name, at)) throw invalidSnapshot(`a piece of ${name} is out of its order`)
      yield* this.content()
      await this.next()
    }
  }

  /** Goes to what comes behind the part: who was to read it may have had enough. */
  async leavePart(): Promise<void> {
    while (this.#part !== '' && this.current?.startsWith(this.#part)) await this.next()
  }
}

export function invalidSnapshot(what: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(`This is no archive of a snapshot: ${what}: give what snapshot.save() has written`, {
    code: 'INVALID_ARCHIVE',
    ...(cause !== undefined && { cause }),
  })
}
