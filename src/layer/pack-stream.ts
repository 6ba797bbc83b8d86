import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { native } from '../host/index.js'
import type { JobOptions } from './worker-pool.js'

/**
 * The bytes that a job writes to a descriptor, made as fast as they are read. What is left early is stopped.
 *
 * @param pack starts the job
 */
export async function* packStream(
  pack: (output: number, options: JobOptions) => Promise<unknown>,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  signal?.throwIfAborted()
  const left = new AbortController()
  const [reading, writing] = native().pipe()
  const stream = new Socket({ fd: reading, readable: true, writable: false })
  const packed = pack(writing, {
    signal: AbortSignal.any([left.signal, ...(signal ? [signal] : [])]),
    isPaced: true,
  })
  const failed = packed.then(
    () => undefined,
    (error: unknown) => stream.destroy(error as Error),
  )
  // The end of the stream is told only after all of it was written.
  void failed.then(() => closeSync(writing))
  try {
    for await (const chunk of stream) yield chunk as Buffer
    await packed
  } finally {
    // A writer that waits for its reader finds that there is none.
    left.abort()
    stream.destroy()
    await failed
  }
}
