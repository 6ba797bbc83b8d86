/** The requests at work, which all end when their transport is closed. */
export interface LiveRequests {
  /** A signal that is aborted with the user's, and by {@link close}; `end` lets go of it. */
  begin(user: AbortSignal | undefined): { readonly signal: AbortSignal; readonly end: () => void }
  close(): void
}

export function liveRequests(closed: () => Error): LiveRequests {
  const live = new Set<AbortController>()
  let isClosed = false
  return {
    begin(user) {
      if (isClosed) throw closed()
      user?.throwIfAborted()
      const controller = new AbortController()
      const onAbort = () => controller.abort(user?.reason)
      // Not AbortSignal.any(): the user's signal may live for long, and must not gather what has ended.
      user?.addEventListener('abort', onAbort, { once: true })
      live.add(controller)
      const end = () => {
        live.delete(controller)
        user?.removeEventListener('abort', onAbort)
      }
      return { signal: controller.signal, end }
    },
    close() {
      isClosed = true
      for (const controller of live) controller.abort(closed())
    },
  }
}
