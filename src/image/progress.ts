/** What happens to one layer of an image. Sizes are bytes. */
export type LayerStatus =
  | 'waiting'
  | 'downloading'
  | 'verifying'
  | 'extracting'
  | 'exists'
  | 'done'
  | 'compressing'
  | 'uploading'
  | 'mounted'

/** Progress of a pull, push, load or save: of one layer, or of the whole. */
export type ImageProgress =
  | {
      readonly kind: 'layer'
      /** Digest of the layer's blob; of a load or push, its diff id. */
      readonly layer: string
      readonly status: LayerStatus
      /** Bytes done and to be done, where there is something to count. */
      readonly current?: number
      readonly total?: number
    }
  /** Bytes of an archive that were read or written. */
  | { readonly kind: 'bytes'; readonly current: number }
  /** A name is pulled or pushed: Docker's `Digest:` and `Status:`. */
  | { readonly kind: 'image'; readonly reference: string; readonly digest: string; readonly isNew: boolean }
  /** Something that the caller may not have meant, in Docker's words. */
  | { readonly kind: 'warning'; readonly message: string }

export type OnProgress = (progress: ImageProgress) => void

/** How often a count of bytes is told, in ms. */
const intervalMs = 100

/** Passes changes of status on at once and counts of bytes at most every 100 ms for each layer. */
export function throttled(onProgress: OnProgress): OnProgress {
  const last = new Map<string, { status: string; at: number }>()
  return (progress) => {
    if (progress.kind === 'image' || progress.kind === 'warning') return onProgress(progress)
    const key = progress.kind === 'layer' ? progress.layer : ''
    const status = progress.kind === 'layer' ? progress.status : 'bytes'
    const now = performance.now()
    const before = last.get(key)
    const isWhole = progress.kind === 'layer' && progress.current !== undefined && progress.current === progress.total
    if (before?.status === status && now - before.at < intervalMs && !isWhole) return
    last.set(key, { status, at: now })
    onProgress(progress)
  }
}
