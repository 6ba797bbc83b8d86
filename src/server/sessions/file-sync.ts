import { ApiError } from '../failures.js'
import type { ClientSession } from './client-session.js'
import { decodePacket, encodePacket, type FilePacket, type FileStat, packetTypes } from './file-packet.js'
import type { GrpcStream } from './grpc-stream.js'

const method = 'moby.filesync.v1.FileSync/DiffCopy'

/** Of the files that are told of. */
const limits = { entries: 1_000_000, pathBytes: 256 * 1024 * 1024 } as const

/** What may be asked for before it is read. The client takes no more requests than 128 at once. */
const ahead = { files: 64, bytes: 4 * 1024 * 1024 } as const

/** Which files of a client are wanted. */
export interface FileSyncRequest {
  /** `context` or `dockerfile`. */
  readonly directory: string
  /** Those alone, and what they lead to. Default: all. */
  readonly paths?: readonly string[]
  /** Patterns of an ignore file. */
  readonly excludes?: readonly string[]
}

/** A file, with its content where it has one: to be read before the next file is asked for. */
export interface SyncedFile extends FileStat {
  /** As many bytes as `size` says. */
  content(): AsyncGenerator<Buffer, void, undefined>
}

/**
 * The files of a directory of a client, in their order: parents first.
 *
 * @throws {GrpcError}; {WireError}; {ApiError} for what is no file, or more than there may be
 */
export async function* syncFiles(
  session: ClientSession,
  { directory, paths = [], excludes = [] }: FileSyncRequest,
  signal: AbortSignal,
): AsyncGenerator<SyncedFile, void, undefined> {
  const metadata = { 'dir-name': directory, ...listed('followpaths', paths), ...listed('exclude-patterns', excludes) }
  const stream = session.stream(method, metadata, signal)
  try {
    const receiver = new FileReceiver(stream)
    yield* receiver.files()
  } finally {
    stream.close()
  }
}

/** Metadata is of printable ASCII: other texts are escaped, and marked. */
function listed(name: string, values: readonly string[]): Record<string, string | readonly string[]> {
  if (values.length === 0) return {}
  if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return { [name]: values }
  return { [name]: values.map((value) => encodeURIComponent(value)), [`${name}-encoded`]: '1' }
}

/** A file that was asked for. */
interface Awaited {
  readonly held: Buffer[]
  left: number
  isEnded: boolean
}

class FileReceiver {
  readonly #stream: GrpcStream
  readonly #packets: AsyncGenerator<Buffer, void, undefined>
  readonly #awaited = new Map<number, Awaited>()
  #stats: FileStat[] = []
  /** The next one that may be asked for. */
  #next = 0
  #bytesAhead = 0

  constructor(stream: GrpcStream) {
    this.#stream = stream
    this.#packets = stream.messages()
  }

  async *files(): AsyncGenerator<SyncedFile, void, undefined> {
    await this.#readStats()
    for (const [id, stat] of this.#stats.entries()) {
      await this.#askAhead(id)
      let isRead = stat.kind !== 'file' || stat.size === 0
      const content = async function* (this: FileReceiver) {
        if (stat.kind === 'file' && stat.size > 0) yield* this.#content(id, stat)
        isRead = true
      }
      yield { ...stat, content: content.bind(this) }
      if (!isRead) for await (const _ of this.#content(id, stat));
    }
    await this.#stream.send(encodePacket(packetTypes.finished))
    while ((await this.#read()).type !== packetTypes.finished);
  }

  async #readStats(): Promise<void> {
    let pathBytes = 0
    for (;;) {
      const { type, stat } = await this.#read()
      if (type !== packetTypes.stat) throw new ApiError(400, `unexpected packet ${type} of the session's client`)
      if (!stat) return
      pathBytes += stat.path.length + stat.target.length
      if (this.#stats.length >= limits.entries || pathBytes > limits.pathBytes)
        throw new ApiError(400, 'the build context has too many files')
      if (stat.size < 0) throw new ApiError(400, `the size of ${stat.path} is negative`)
      this.#stats.push(stat)
    }
  }

  /** Asks for files before it is their turn, as long as they are small. */
  async #askAhead(current: number): Promise<void> {
    this.#next = Math.max(this.#next, current)
    for (; this.#next < this.#stats.length; this.#next++) {
      const stat = this.#stats[this.#next] as FileStat
      if (stat.kind !== 'file' || stat.size === 0) continue
      const isFull = this.#awaited.size >= ahead.files || this.#bytesAhead + stat.size > ahead.bytes
      if (this.#awaited.size > 0 && isFull) return
      this.#awaited.set(this.#next, { held: [], left: stat.size, isEnded: false })
      this.#bytesAhead += stat.size
      await this.#stream.send(encodePacket(packetTypes.request, this.#next))
    }
  }

  async *#content(id: number, { path, size }: FileStat): AsyncGenerator<Buffer, void, undefined> {
    const file = this.#awaited.get(id)
    if (!file) throw new Error(`${path} is read twice`)
    for (;;) {
      yield* file.held.splice(0)
      if (file.isEnded) break
      const packet = await this.#read()
      if (packet.type !== packetTypes.data) throw new ApiError(400, `unexpected packet ${packet.type}`)
      this.#take(packet)
    }
    this.#awaited.delete(id)
    this.#bytesAhead -= size
    if (file.left > 0) throw new ApiError(400, `${path} has become shorter while it was sent`)
  }

  #take({ id, data }: FilePacket): void {
    const file = this.#awaited.get(id)
    if (!file || file.isEnded)
      throw new ApiError(400, 'the client of the session sends a file that nobody has asked for')
    if (data.length === 0) file.isEnded = true
    // One that grows while it is read is what it was.
    const taken = data.subarray(0, file.left)
    file.left -= taken.length
    if (taken.length > 0) file.held.push(taken)
  }

  async #read(): Promise<FilePacket> {
    const next = await this.#packets.next()
    if (next.done === true) throw new ApiError(400, 'the client of the session has stopped sending files')
    const packet = decodePacket(next.value)
    if (packet.type === packetTypes.error) throw new ApiError(400, packet.data.toString().slice(0, 2000))
    return packet
  }
}
