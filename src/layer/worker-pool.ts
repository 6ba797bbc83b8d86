import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { importError, isErrno } from './layer-errors.js'
import type { FromWorker, JobKind, Jobs, ToWorker } from './layer-jobs.js'

export interface JobOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes for the job, sent as it consumes them. */
  readonly source?: AsyncIterable<Uint8Array> | undefined
  /** It goes as fast as somebody reads what it writes, so it keeps nobody else waiting: it takes no place. Default false. */
  readonly isPaced?: boolean | undefined
}

/** Three layers come at once by default, and one that waits for its bytes needs no core; each worker costs some 50 MB at most. */
const maxWorkers = Math.max(3, Math.min(availableParallelism(), 8))
const idleMs = 2_000
/** A worker that was started ahead waits for a registry's answers. */
const preparedMs = 15_000
const maxBytesOnTheWay = 4 * 1024 * 1024

const idle: { worker: Worker; retire: NodeJS.Timeout }[] = []
const waiting: (() => void)[] = []
let busy = 0

/** Performs a job on a worker thread, which is started when none is idle. On abort the job stops and `signal.reason` is thrown. */
export async function runJob<Kind extends JobKind>(
  kind: Kind,
  request: Jobs[Kind]['request'],
  { signal, source, isPaced = false }: JobOptions = {},
): Promise<Jobs[Kind]['result']> {
  if (!isPaced) await takePlace(signal)
  try {
    // It may have fired while the place was waited for.
    signal?.throwIfAborted()
    const session = new Session(takeWorker(), source, signal)
    return (await session.perform(kind, request)) as Jobs[Kind]['result']
  } finally {
    if (!isPaced) givePlace()
  }
}

async function takePlace(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (busy < maxWorkers) {
    busy++
    return
  }
  const { promise, resolve, reject } = withResolvers()
  const onAbort = () => {
    waiting.splice(waiting.indexOf(resolve), 1)
    reject(signal?.reason)
  }
  waiting.push(resolve)
  signal?.addEventListener('abort', onAbort)
  await promise.finally(() => signal?.removeEventListener('abort', onAbort))
}

function givePlace(): void {
  // The place goes straight to the next in line.
  const next = waiting.shift()
  if (next === undefined) busy--
  else next()
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve!: () => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<void>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}

function takeWorker(): Worker {
  const ready = idle.pop()
  if (ready === undefined) return startWorker()
  clearTimeout(ready.retire)
  ready.worker.ref()
  return ready.worker
}

/**
 * Starts workers, each of which takes some 35 ms, for up to `jobs` jobs that are about to come. Without a job they end soon.
 */
export function prepareWorkers(jobs: number): void {
  for (let missing = Math.min(jobs, maxWorkers - busy) - idle.length; missing > 0; missing--) {
    const worker = startWorker()
    // Whoever wants a worker next starts another and hears what is wrong.
    worker.on('error', () => dropIdle(worker))
    keepIdle(worker, preparedMs)
  }
}

function keepIdle(worker: Worker, forMs: number): void {
  worker.unref()
  const retire = setTimeout(() => {
    dropIdle(worker)
    void worker.terminate()
  }, forMs).unref()
  idle.push({ worker, retire })
}

function dropIdle(worker: Worker): void {
  const at = idle.findIndex((one) => one.worker === worker)
  if (at >= 0) clearTimeout(idle.splice(at, 1)[0]?.retire)
}

function startWorker(): Worker {
  // The worker closes descriptors that the addon opened, of which Node's own bookkeeping knows nothing.
  return new Worker(workerUrl(), { name: 'inboard-layer', execArgv: [], trackUnmanagedFds: false })
}

/** The built worker: beside this code in the package, in `dist` when this code runs from its sources. */
function workerUrl(): URL {
  const here = typeof __filename === 'string' ? pathToFileURL(__filename).href : import.meta.url
  return new URL(here.endsWith('.ts') ? '../../dist/layer-worker.js' : './layer-worker.js', here)
}

/** One job on one worker. */
class Session {
  readonly #worker: Worker
  readonly #source: AsyncIterator<Uint8Array> | undefined
  readonly #signal: AbortSignal | undefined
  readonly #abort = new SharedArrayBuffer(4)
  #bytesOnTheWay = 0
  #sourceFailure: { error: unknown } | undefined
  #isOver = false
  #resume: (() => void) | undefined

  constructor(worker: Worker, source: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal | undefined) {
    this.#worker = worker
    this.#source = source?.[Symbol.asyncIterator]()
    this.#signal = signal
  }

  async perform(kind: JobKind, request: unknown): Promise<unknown> {
    const onAbort = () => this.#stop()
    this.#signal?.addEventListener('abort', onAbort)
    try {
      const outcome = this.#outcome()
      this.#post({ type: 'job', kind, request, abort: this.#abort })
      void this.#feed()
      return await outcome
    } catch (error) {
      this.#signal?.throwIfAborted()
      throw this.#sourceFailure === undefined ? error : this.#sourceFailure.error
    } finally {
      this.#signal?.removeEventListener('abort', onAbort)
      this.#isOver = true
      this.#resume?.()
      // Not awaited: a source that hangs would hold back the failure.
      Promise.resolve(this.#source?.return?.()).catch(() => {})
    }
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  #stop(): void {
    Atomics.store(new Int32Array(this.#abort), 0, 1)
    this.#post({ type: 'abort' })
  }

  #outcome(): Promise<unknown> {
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      const onMessage = (message: FromWorker) => {
        if (message.type === 'consumed') return this.#consumed(message.bytes)
        settle()
        keepIdle(worker, idleMs)
        if (message.type === 'done') resolve(message.result)
        else reject(importError(message.error))
      }
      const onError = (error: Error) => {
        settle()
        reject(isErrno(error, 'ERR_MODULE_NOT_FOUND') ? notBuilt(error) : error)
      }
      const onExit = (code: number) => {
        settle()
        reject(new Error(`The layer worker ended with code ${code} in the middle of a job.`))
      }
      const settle = () => worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    })
  }

  async #feed(): Promise<void> {
    if (this.#source === undefined) return
    try {
      for (;;) {
        const next = await this.#source.next()
        if (this.#isOver) return
        if (next.done === true) return this.#post({ type: 'end' })
        await this.#send(next.value)
      }
    } catch (error) {
      // The worker may have another job by now, which this one must not stop.
      if (this.#isOver) return
      this.#sourceFailure = { error }
      this.#stop()
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    // A copy to be moved: the caller's memory stays the caller's.
    const bytes = new Uint8Array(chunk)
    this.#bytesOnTheWay += bytes.length
    this.#post({ type: 'chunk', bytes }, [bytes.buffer])
    while (this.#bytesOnTheWay > maxBytesOnTheWay && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    }
  }

  #consumed(bytes: number): void {
    this.#bytesOnTheWay -= bytes
    this.#resume?.()
  }
}

function notBuilt(cause: Error): Error {
  return new Error('The worker of inboard is not built: run `npm run bundle` first.', { cause })
}
