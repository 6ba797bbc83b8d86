import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** As Docker's: for so long the output of those is awaited that a process has left behind with its descriptors. */
const othersMs = 2_000

/** Gathers a process's output to its end, or to a moment after the process's. */
export async function gather(stream: Readable, exit: Promise<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise<void>((resolve) => stream.once('close', resolve).once('end', resolve))
  await Promise.race([ended, exit])
  const patience = new AbortController()
  await Promise.race([ended, delay(othersMs, undefined, { signal: patience.signal }).catch(() => {})])
  patience.abort()
  stream.destroy()
  return Buffer.concat(chunks)
}
