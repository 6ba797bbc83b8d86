import { InboardError } from '../../errors/index.js'
import { decompress } from '../../layer/index.js'

const blockBytes = 512
const checksumAt = 148
const checksumBytes = 8

/**
 * Whether bytes are an archive that ADD extracts, or a context: a tar, plain or compressed, told by its content and never by
 * its name. An archive without a single entry is none, as in Docker.
 *
 * @param head as many bytes as are there, at least 64 KiB of a longer one
 */
export async function isArchive(head: Buffer): Promise<boolean> {
  const block = await firstBlock(head)
  return block.length === blockBytes && isHeader(block)
}

/** The first bytes of what it is when it is not compressed. */
async function firstBlock(head: Buffer): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of decompress(piece(head))) {
      parts.push(part)
      length += part.length
      if (length >= blockBytes) break
    }
  } catch (error) {
    // It may be cut off behind the block; or not be compressed at all, for all that it begins so.
    if (!(error instanceof InboardError)) throw error
  }
  return Buffer.concat(parts).subarray(0, blockBytes)
}

async function* piece(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes
}

/** As Go's tar reader: the checksum is right, by either way of counting. */
export function isHeader(block: Buffer): boolean {
  if (block.every((byte) => byte === 0)) return false
  const text = block.toString('latin1', checksumAt, checksumAt + checksumBytes).replace(/^[ \0]+|[ \0]+$/g, '')
  if (!/^[0-7]+$/.test(text)) return false
  let unsigned = 0
  let signed = 0
  for (const [at, byte] of block.entries()) {
    const counted = at >= checksumAt && at < checksumAt + checksumBytes ? 0x20 : byte
    unsigned += counted
    signed += counted > 127 ? counted - 256 : counted
  }
  const stored = Number.parseInt(text, 8)
  return stored === unsigned || stored === signed
}
