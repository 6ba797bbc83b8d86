import { abortable, linkedSignal } from '../abortable.js'
import type { ContainerContext } from '../context.js'
import { connect, liveOf } from '../dialogue.js'

/** What ends with a run: called once, when that is over, or the engine is closed. */
type End = (why: 'ended' | 'closed') => void

const runs = new WeakMap<ContainerContext, Map<string, BoundRun>>()

/**
 * Has something end with the present run of a container, or with the engine: a socket keeps the network namespace it was made
 * in, and all interfaces there, as long as it is open. Waiting for that keeps no process alive.
 *
 * @param attempt of the container's runs
 * @returns what ends the waiting, to be called when there is nothing to end any more
 */
export function endWithRun(context: ContainerContext, id: string, attempt: number, end: End): () => void {
  const all = runs.get(context) ?? new Map<string, BoundRun>()
  runs.set(context, all)
  const key = `${id} ${attempt}`
  const known = all.get(key)
  if (known) return known.add(end)
  const run = new BoundRun(context, id, attempt, () => {
    if (all.get(key) === run) all.delete(key)
  })
  all.set(key, run)
  return run.add(end)
}

/** One run of a container, with all of this process that ends with it. */
class BoundRun {
  readonly #ends = new Set<End>()
  readonly #stop = new AbortController()
  readonly #forget: () => void

  constructor(context: ContainerContext, id: string, attempt: number, forget: () => void) {
    this.#forget = forget
    const { signal, unlink } = linkedSignal(this.#stop.signal, context.closing)
    untilOver(context, id, attempt, signal)
      // Whatever kept us from hearing of it: nothing lives longer than we know of its run.
      .catch(() => {})
      .then(() => {
        unlink()
        this.#over(context.closing.aborted ? 'closed' : 'ended')
      })
  }

  add(end: End): () => void {
    this.#ends.add(end)
    return () => {
      this.#ends.delete(end)
      if (this.#ends.size > 0) return
      this.#forget()
      this.#stop.abort()
    }
  }

  #over(why: Parameters<End>[0]): void {
    this.#forget()
    for (const end of [...this.#ends]) end(why)
  }
}

async function untilOver(context: ContainerContext, id: string, attempt: number, signal: AbortSignal): Promise<void> {
  const live = liveOf(context, id)
  if (live) {
    await abortable(live.session.exited, signal)
    return
  }
  const session = await connect(context, id)
  session?.unref()
  try {
    // The supervisor may be that of the next run.
    if (session && context.containers.get(id)?.attempt === attempt) await abortable(session.exited, signal)
  } finally {
    session?.close()
  }
}
