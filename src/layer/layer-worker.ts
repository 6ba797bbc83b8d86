import { parentPort } from 'node:worker_threads'
import type { Comparison } from './compare.js'
import { copyJob } from './copy-job.js'
import { copyPlainJob } from './copy-plain-job.js'
import { digestFilesJob } from './digest-job.js'
import type { PackExportRequest, PackMergedRequest } from './export-jobs.js'
import { extractJob } from './extract-job.js'
import { extractPlainJob } from './extract-plain-job.js'
import { exportError } from './layer-errors.js'
import type {
  CopyRequest,
  ExtractRequest,
  FromWorker,
  PackChangesRequest,
  PackRequest,
  PackTreeRequest,
  ToWorker,
} from './layer-jobs.js'
import { locateJob } from './locate-job.js'
import { packExportJob } from './pack-export-job.js'
import { packJob } from './pack-job.js'
import { packMergedJob } from './pack-merged-job.js'
import { packPlainJob } from './pack-plain-job.js'
import { compareJob, packChangesJob, packTreeJob } from './pack-tree-job.js'
import { placeJob } from './place-job.js'
import type { PlaceRequest } from './place-jobs.js'
import type {
  CopyPlainRequest,
  DigestFilesRequest,
  ExtractPlainRequest,
  LocateRequest,
  PackPlainRequest,
} from './plain-jobs.js'

// The entry point of a worker thread: one job at a time, all file work synchronous, so that no event loop but this one
// is ever blocked by it.

const port = parentPort
if (port === null) throw new Error('layer-worker is a worker thread of inboard, not a program.')

let received: ChunkQueue | undefined

port.on('message', (message: ToWorker) => {
  if (message.type === 'job') void perform(message)
  else if (message.type === 'chunk') received?.add(message.bytes)
  else received?.end(message.type === 'end')
})

async function perform(message: ToWorker & { type: 'job' }): Promise<void> {
  const flag = new Int32Array(message.abort)
  const checkpoint = () => {
    if (Atomics.load(flag, 0) !== 0) throw new Error('aborted')
  }
  received = new ChunkQueue()
  try {
    checkpoint()
    post({ type: 'done', result: await dispatch(message, received, checkpoint) })
  } catch (error) {
    post({ type: 'failed', error: exportError(error) })
  }
}

async function dispatch({ kind, request }: ToWorker & { type: 'job' }, chunks: ChunkQueue, checkpoint: () => void) {
  switch (kind) {
    case 'extract':
      return extractJob(request as ExtractRequest, chunks, checkpoint)
    case 'pack':
      return packJob(request as PackRequest, checkpoint)
    case 'copy':
      return copyJob(request as CopyRequest, checkpoint)
    case 'packTree':
      return packTreeJob(request as PackTreeRequest, checkpoint)
    case 'packChanges':
      return packChangesJob(request as PackChangesRequest, checkpoint)
    case 'packExport':
      return packExportJob(request as PackExportRequest, checkpoint)
    case 'packMerged':
      return packMergedJob(request as PackMergedRequest, checkpoint)
    case 'compare':
      return compareJob(request as Comparison, checkpoint)
    case 'locate':
      return locateJob(request as LocateRequest)
    case 'packPlain':
      return packPlainJob(request as PackPlainRequest, checkpoint)
    case 'copyPlain':
      return copyPlainJob(request as CopyPlainRequest, checkpoint)
    case 'extractPlain':
      return extractPlainJob(request as ExtractPlainRequest, chunks, checkpoint)
    case 'place':
      return placeJob(request as PlaceRequest, checkpoint)
    case 'digestFiles':
      return digestFilesJob(request as DigestFilesRequest, checkpoint)
    default:
      throw new Error(`unreachable: ${kind satisfies never}`)
  }
}

function post(message: FromWorker): void {
  port?.postMessage(message)
}

/** Chunks that came as messages; each is reported when it is taken, so that the sender keeps a bounded number on the way. */
class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = []
  #isOver = false
  #isWhole = false
  #wake: (() => void) | undefined

  add(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#wake?.()
  }

  end(isWhole: boolean): void {
    this.#isOver = true
    this.#isWhole = isWhole
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = this.#chunks.shift()
      if (bytes !== undefined) {
        post({ type: 'consumed', bytes: bytes.length })
        yield bytes
      } else if (this.#isOver) {
        if (!this.#isWhole) throw new Error('aborted')
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
