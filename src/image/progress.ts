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

/** What happens to one layer. */
export interface LayerProgress {
  readonly kind: 'layer'
  /** Digest of the layer's blob; of a load or push, its diff id. */
  readonly layer: string
  readonly status: LayerStatus
  /** Bytes done and to be done, where there is something to count. */
  readonly current?: number
  readonly total?: number
  /** Of `mounted`: the repository of the registry that had it, such as `library/redis`. */
  readonly from?: string
}

/** Progress of a pull, push, load, import or save: of one layer, or of the whole. */
export type ImageProgress =
  | LayerProgress
  /** Bytes of an archive that were read or written. */
  | { readonly kind: 'bytes'; readonly current: number }
  /** A push begins: Docker's `The push refers to repository`. Its whole name, such as `docker.io/library/redis`. */
  | { readonly kind: 'repository'; readonly name: string }
  /**
   * The registry has said what a name stands for, and what is missing will be fetched: Docker's `Pulling from`. The repository is
   * that of the registry, such as `library/redis`.
   */
  | { readonly kind: 'manifest'; readonly reference: string; readonly repository: string; readonly digest: string }
  /** A name is pulled or pushed: Docker's `Digest:` and `Status:`. */
  | { readonly kind: 'image'; readonly reference: string; readonly digest: string; readonly isNew: boolean }
  /** An image of an archive is here, with the names that the archive gave it: Docker's `Loaded image:`. */
  | { readonly kind: 'loaded'; readonly id: string; readonly references: readonly string[] }
  /** Something that the caller may not have meant, in Docker's words. */
  | { readonly kind: 'warning'; readonly message: string }

export type OnProgress = (progress: ImageProgress) => void

/** How often a count of bytes is told, in ms. */
const intervalMs = 100

/** Passes changes of status on at once and counts of bytes at most every 100 ms for each layer. */
export function throttled(onProgress: OnProgress): OnProgress {
  const last = new Map<string, { status: string; at: number }>()
  return (progress) => {
    if (progress.kind !== 'layer' && progress.kind !== 'bytes') return onProgress(progress)
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
