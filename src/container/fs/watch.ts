import { closeSync, watch } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { InvalidStateError, NotFoundError } from '../../errors/index.js'
import { reporting } from '../../errors/system.js'
import { native, O_DIRECTORY, O_PATH } from '../../host/index.js'
import { linkedSignal } from '../abortable.js'
import { openContainerTree } from '../container-tree.js'
import type { ContainerContext } from '../context.js'
import { present } from '../present.js'
import { untilProgress, wait } from '../wait.js'
import { waitFor } from '../wait-for.js'
import { fileError } from './failures.js'
import { FileTree, pathOf, statusOf } from './file-tree.js'
import type { WatchSink } from './file-watch.js'
import { lastName } from './names.js'
import type { OfContainer } from './session.js'
import { WatchedTree } from './watched-tree.js'

export interface WatchRequest {
  readonly path: string
  readonly isRecursive: boolean
  readonly signal: AbortSignal | undefined
}

/** Watches for as long as the container's program runs, from its next start on if it does not. */
export async function watchFiles(
  context: ContainerContext,
  of: OfContainer,
  request: WatchRequest,
  sink: WatchSink,
): Promise<void> {
  const work = async (stop: AbortSignal) => {
    const { signal, unlink } = linkedSignal(stop, sink.left)
    try {
      await watchRun(context, of, request, sink, signal)
    } catch (error) {
      // Nobody wants to know any more.
      if (!sink.left.aborted || stop.aborted)
        throw fileError(error, { container: of.name, syscall: 'watch', path: request.path })
    } finally {
      unlink()
    }
  }
  await reporting(`cannot watch files of container ${of.name}`, () => context.working(request.signal, work))
}

async function watchRun(
  context: ContainerContext,
  { id }: OfContainer,
  request: WatchRequest,
  sink: WatchSink,
  signal: AbortSignal,
): Promise<void> {
  for (let known = false; ; known = true) {
    const progress = await running(context, id, known, signal)
    if (progress === undefined) return
    const over = new AbortController()
    const linked = linkedSignal(signal, over.signal)
    const ended = untilEnded(context, id, progress, linked.signal)
    ended.catch(() => {})
    try {
      const fail = (error: unknown) => over.abort(error)
      await using watched = await open(context, id, request, sink, fail, linked.signal)
      if (watched === undefined) continue
      sink.started()
      await ended
      // What it did last is on its way: events are polled for between two turns.
      await turn()
      await turn()
      return
    } finally {
      over.abort()
      linked.unlink()
    }
  }
}

/** Waits until it runs. @returns what changes when that run is over; undefined: it is gone, and was `known` before */
async function running(
  context: ContainerContext,
  id: string,
  known: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let isKnown = known; ; isKnown = true) {
    signal.throwIfAborted()
    try {
      const progress = context.containers.progress(id)
      const { status } = await present(context, id, signal)
      if (status === 'running' || status === 'paused') return progress
      if (status === 'restarting') await waitFor(context, id, 'running', { signal })
      else await untilProgress(context, id, progress, signal)
    } catch (error) {
      if (error instanceof NotFoundError && isKnown) return undefined
      // It has ended for good: it may be started all the same.
      if (!(error instanceof InvalidStateError) || signal.aborted) throw error
    }
  }
}

/** By its supervisor, which also tells of ends after which it is started again, or by the store. */
async function untilEnded(context: ContainerContext, id: string, progress: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const linked = linkedSignal(signal, over.signal)
  const ends = [
    wait(context, id, { condition: 'next-exit', signal: linked.signal }),
    untilProgress(context, id, progress, linked.signal),
  ]
  for (const end of ends) end.catch(() => {})
  try {
    await Promise.race(ends)
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  } finally {
    over.abort()
    linked.unlink()
  }
}

/** Undefined: it does not run (any more). */
async function open(
  context: ContainerContext,
  id: string,
  { path, isRecursive }: WatchRequest,
  { tell }: WatchSink,
  fail: (error: unknown) => void,
  signal: AbortSignal,
): Promise<AsyncDisposable | undefined> {
  const tree = await openContainerTree(context, id, signal)
  try {
    if (!tree.isRunning) return undefined
    return await new FileTree(tree.root).findOwn(path, async (fd) => {
      if (!(await statusOf(fd)).isDirectory()) return watchOne(fd, lastName(path), tell, fail)
      const [top] = await native().openBelow(fd, '.', O_PATH | O_DIRECTORY, 0, 0)
      return watchDirectory(top, { name: lastName(path), isRecursive, tell, fail })
    })
  } finally {
    await tree.end()
  }
}

function watchOne(fd: number, filename: string, tell: WatchSink['tell'], fail: (error: unknown) => void) {
  const watcher = watch(pathOf(fd), (eventType) => tell({ eventType, filename }))
  watcher.on('error', fail)
  return { [Symbol.asyncDispose]: async () => watcher.close() }
}

async function watchDirectory(
  top: number,
  options: Omit<ConstructorParameters<typeof WatchedTree>[0], 'top'>,
): Promise<AsyncDisposable> {
  const watched = new WatchedTree({ top, ...options })
  const end = async () => {
    await watched.close()
    closeSync(top)
  }
  try {
    await watched.begin()
    return { [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}
