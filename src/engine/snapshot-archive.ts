import { tarEnd, tarHeader, tarPadding } from '../layer/index.js'
import { optionsOf } from '../spec/options-of.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'

/** The archive's first file. */
export const documentName = 'snapshot.json'
export const documentVersion = 1

/** What is as long as it will be has its length in a header: it is in pieces that are held in memory. */
const pieceBytes = 4 * 1024 * 1024

/** What the pieces of a stream are called, in their order. */
export const streamNames = { volume: (at: number) => `volumes/${at}`, image: 'image' }

export const pieceName = (stream: string, at: number) => `${stream}/${String(at).padStart(8, '0')}`

/** What a snapshot consists of, as streams of tars. */
export interface SnapshotStreams {
  /** In the document's order; each is read before the next is opened. */
  volumes(): AsyncIterable<AsyncIterable<Uint8Array>>
  readonly image: AsyncIterable<Uint8Array>
}

/**
 * A snapshot as a tar: `snapshot.json`; the tar of each volume in pieces, `volumes/0/00000000` and so on; and the image, as
 * `docker save` writes it, in pieces of `image`. Their concatenations are those tars again.
 */
export async function* writeSnapshot(
  record: ContainerSnapshotRecord,
  { volumes, image }: SnapshotStreams,
): AsyncGenerator<Buffer, void, undefined> {
  yield* file(documentName, Buffer.from(`${JSON.stringify(documentOf(record), undefined, 2)}\n`))
  let at = 0
  for await (const volume of volumes()) yield* pieces(streamNames.volume(at++), volume)
  yield* pieces(streamNames.image, image)
  yield tarEnd
}

/** What {@link readSnapshot} reads. */
function documentOf({ name, createdAtMs, rootfsSize, document }: ContainerSnapshotRecord) {
  const { config, ...rest } = document
  const createdAt = new Date(createdAtMs).toISOString()
  return {
    version: documentVersion,
    name,
    createdAt,
    rootfsSize,
    ...rest,
    command: config.command,
    options: optionsOf(config),
  }
}

async function* pieces(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = []
  let length = 0
  let at = 0
  const flush = () => {
    const whole = Buffer.concat(held)
    held = []
    length = 0
    return file(pieceName(name, at++), whole)
  }
  for await (const chunk of bytes) {
    held.push(chunk)
    length += chunk.length
    if (length >= pieceBytes) yield* flush()
  }
  if (length > 0) yield* flush()
}

/** Root's and of 1970, as all that is saved. */
function* file(name: string, content: Buffer): Generator<Buffer, void, undefined> {
  yield tarHeader({ kind: 'file', name, mode: 0o600, size: content.length })
  yield content
  yield tarPadding(content.length)
}
