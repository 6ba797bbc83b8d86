import type { Readable } from 'node:stream'
import { openContainerTree } from '../container/container-tree.js'
import type { ContainerContext } from '../container/context.js'
import type {
  ContainerArchiveOptions,
  ContainerCopies,
  ContainerCopyOptions,
  ContainerExtractOptions,
} from '../container/copy.js'
import { whileThere } from '../container/files.js'
import type { ContainerRecord } from '../store/containers.js'
import type { ArchiveSource } from '../volume/archive.js'
import { copyIn, putArchive } from '../volume/copy-in.js'
import { type CopiedArchive, copyOut, getArchive } from '../volume/copy-out.js'
import { find, type PathStat, pathStat } from '../volume/copy-place.js'
import { type CopyPlace, verifyPath } from '../volume/copy-rules.js'
import { containerUser, type Stages } from './assemble.js'
import { verifyWritable } from './container-places.js'
import { Operation } from './operation.js'
import type { CopiedFiles } from './volume-files.js'

/** How files come into a container and out of it. */
export function containerCopies(stages: Stages, context: ContainerContext, record: ContainerRecord): ContainerCopies {
  return new Copies(stages, context, record)
}

class Copies implements ContainerCopies {
  readonly #stages: Stages
  readonly #context: ContainerContext
  readonly #record: ContainerRecord

  constructor(stages: Stages, context: ContainerContext, record: ContainerRecord) {
    this.#stages = stages
    this.#context = context
    this.#record = record
  }

  copyTo(source: string, target: string, options: ContainerCopyOptions): Promise<CopiedFiles> {
    const { followLink, archive, signal } = options
    return this.#working('extract-to-dir', signal, (place, stop) =>
      copyIn(source, place, target, { followLink, owner: this.#owner(archive), signal: stop }),
    )
  }

  copyFrom(source: string, target: string, options: ContainerCopyOptions): Promise<CopiedFiles> {
    const { followLink, archive, signal } = options
    return this.#working('archive-path', signal, (place, stop) =>
      copyOut(place, source, target, { followLink, archive, signal: stop }),
    )
  }

  extract(tar: ArchiveSource, path: string, options: ContainerExtractOptions): Promise<CopiedFiles> {
    const { archive, noOverwriteDirNonDir, toleratesMissingEnd, signal } = options
    return this.#working('extract-to-dir', signal, (place, stop) =>
      putArchive(tar, place, path, {
        owner: this.#owner(archive),
        noOverwriteDirNonDir,
        toleratesMissingEnd,
        signal: stop,
      }),
    )
  }

  stat(path: string, { followLink = false, signal }: ContainerArchiveOptions): Promise<PathStat> {
    return this.#inTree(signal, async (place, stop) => {
      verifyPath(path)
      return pathStat(await find(place, path, { followLink, signal: stop }), path)
    })
  }

  archive(path: string, { followLink, signal }: ContainerArchiveOptions): Promise<CopiedArchive> {
    return new Promise((resolve, reject) => {
      // It is under way as long as the stream is open.
      const work = this.#inTree(signal, async (place, stop) => {
        const beforeEnd = () => whileThere(this.#context, this.#record, async () => {})
        const archive = await getArchive(place, path, { followLink, beforeEnd })
        this.#context.tell(this.#record, 'archive-path')
        resolve(archive)
        await closed(archive, stop)
      })
      work.catch(reject)
    })
  }

  #working<Result>(
    action: string,
    signal: AbortSignal | undefined,
    body: (place: CopyPlace, stop: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    return this.#inTree(signal, async (place, stop) => {
      const result = await whileThere(this.#context, this.#record, () => body(place, stop))
      this.#context.tell(this.#record, action)
      return result
    })
  }

  /** Runs `body` with the container's files as they are from now on. The engine is closed only after it. */
  async #inTree<Result>(
    signal: AbortSignal | undefined,
    body: (place: CopyPlace, stop: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const work = async (_: unknown, stop: AbortSignal) => {
      const { root, isRunning, end } = await openContainerTree(this.#context, this.#record.id, stop)
      try {
        return await body(this.#place(root, isRunning), stop)
      } finally {
        await end()
      }
    }
    return await new Operation(work, [this.#context.closing, signal])
  }

  #place(directory: number, isRunning: boolean): CopyPlace {
    return {
      root: { directory, crossesMounts: true, hidesKernel: true },
      kind: 'container',
      name: this.#record.name,
      verifyWritable: (path) => verifyWritable(this.#record, path, isRunning),
    }
  }

  /** Who gets files that are not to keep their owners: the container's user, if it was given one. */
  #owner(isGiven = false): { uid: number; gid: number } | undefined {
    const image = this.#stages.images.resolve(this.#record.image)
    if (!isGiven || !(this.#record.config.user || image.config.User)) return undefined
    const { uid, gid } = containerUser(this.#stages, this.#record, image)
    return { uid, gid }
  }
}

/** Waits until nobody reads it any more; one that is left half read ends with the signal. */
function closed(stream: Readable, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Who does not listen for errors would be killed by one.
    const onAbort = () => stream.destroy(stream.listenerCount('error') > 0 ? stop.reason : undefined)
    stream.once('close', () => {
      stop.removeEventListener('abort', onAbort)
      resolve()
    })
    stop.addEventListener('abort', onAbort)
    if (stop.aborted) onAbort()
  })
}
