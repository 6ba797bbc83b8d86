import type { Readable } from 'node:stream'
import { inTime } from '../sockets/in-time.js'

/** As Docker's: for so long the output of those is awaited that a process has left behind with its descriptors. */
const othersMs = 2_000

/** Gathers a process's output to its end, or to a moment after the process's. */
export async function gather(stream: Readable, exit: Promise<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise<true>((resolve) => {
    const end = () => resolve(true)
    if (stream.readableEnded || stream.destroyed) end()
    else stream.once('close', end).once('end', end)
  })
  const isWhole = await Promise.race([ended, exit.then(() => false)])
  if (!isWhole) await inTime(ended, othersMs)
  stream.destroy()
  return Buffer.concat(chunks)
}
