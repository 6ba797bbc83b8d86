import { Readable } from 'node:stream'
import { extract, type Header } from 'tar-stream'

export interface ReadEntry extends Omit<Header, 'mtime' | 'size'> {
  /** ms; of directories it is left out, as they change with what is in them. */
  readonly mtime: number | undefined
  readonly content: string
}

/** The entries of a tar, in their order. */
export async function readTar(tar: Buffer | AsyncIterable<Buffer>): Promise<ReadEntry[]> {
  const entries: ReadEntry[] = []
  const reader = Readable.from(Buffer.isBuffer(tar) ? [tar] : tar).pipe(extract())
  for await (const entry of reader) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const { size: _, mtime, ...header } = entry.header
    const isTimed = header.type !== 'directory'
    entries.push({
      ...header,
      mtime: isTimed ? mtime?.getTime() : undefined,
      content: Buffer.concat(chunks).toString('latin1'),
    })
  }
  return entries
}
