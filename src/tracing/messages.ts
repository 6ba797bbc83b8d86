/** A container that something is done with. */
export interface TracedContainer {
  /** Its ID. */
  readonly container: string
  readonly name: string
  /** The image, as the container was asked for. */
  readonly image: string
}

/** A container that is being made. */
export interface TracedCreation {
  /** The image, as it was asked for. */
  readonly image: string
  /** The container's ID, once it is recorded. */
  container?: string
  /** Its name, given or made up, once it is recorded. */
  name?: string
}

/** One image, or all tags of a repository, that is pulled. */
export interface TracedPull {
  /** As it was asked for. */
  readonly reference: string
  readonly platform?: string
  readonly allTags: boolean
  /** The images' IDs, once they are here. */
  images?: readonly string[]
}

/** A question to a registry. */
export interface TracedRequest {
  /** What the name means is asked for, in Docker's short form. */
  readonly reference: string
  /** The answer: the digest of what the name stands for, an index or a manifest; undefined: nothing. */
  digest?: string | undefined
}

/** A configuration or layer that is fetched from a registry. */
export interface TracedDownload {
  readonly digest: string
  readonly sizeBytes: number
  /** With the registry's host: `docker.io/library/redis`. */
  readonly repository: string
}

/** A layer that becomes files. */
export interface TracedExtraction {
  /** The digest of its blob where that is known before, else its diff ID. */
  readonly layer: string
  readonly diffId: string
  /** Bytes of its files, once they are there. */
  sizeBytes?: number
}

/** A process that is started in a running container. */
export interface TracedExec {
  /** The container's ID. */
  readonly container: string
  /** The program and its arguments, which may hold secrets. */
  readonly command: readonly string[]
  /** The exec's own ID. */
  readonly exec: string
  /** The process's ID on the host, once it runs. */
  pid?: number
  /** Once it has ended. */
  exitCode?: number
}

/**
 * What inboard publishes on the tracing channels of `node:diagnostics_channel`, by the names to subscribe to. Each is one piece of
 * work: what it has found by then is set in the message when it ends, an `error` as well. Within one piece of work others are told as
 * they are done, in its asynchronous context. Nothing is made for a channel that nobody subscribes to.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html#class-tracingchannel
 *
 * @example
 * ```ts
 * import { tracingChannel } from 'node:diagnostics_channel'
 * import type { TraceMessages } from 'inboard'
 *
 * tracingChannel('inboard:container.start').subscribe({
 *   start() {},
 *   end() {},
 *   asyncStart() {},
 *   asyncEnd(message) {
 *     const { name, pid } = message as TraceMessages['inboard:container.start']
 *     console.log(`${name} runs as process ${pid}`)
 *   },
 *   error({ error }) { console.error(error) },
 * })
 * ```
 */
export interface TraceMessages {
  /** `engine.pull()`, and what a container or a build needs of a registry: until the image is recorded. */
  'inboard:image.pull': TracedPull
  /** A name that is known here: does it still mean the same? */
  'inboard:image.pull.resolve': TracedRequest
  /** The manifest of a name, through the indexes that lead to it. */
  'inboard:image.pull.manifest': TracedRequest
  /** An image's configuration. */
  'inboard:image.pull.config': TracedDownload
  /** A layer comes from the registry; extracted at the same time. */
  'inboard:layer.download': TracedDownload
  /** A layer's files are made, also of one that is loaded from an archive. */
  'inboard:layer.extract': TracedExtraction
  /** `engine.build()`. */
  'inboard:image.build': {
    readonly tags: readonly string[]
    /** The images' IDs, once they are recorded. */
    images?: readonly string[]
  }
  /** An instruction that makes files: done, or found in the cache. */
  'inboard:image.build.step': {
    /** As Docker shows it: `[build 2/5] RUN make`. */
    readonly step: string
    /** Whether it had been done before; once that is known. */
    isCached?: boolean
  }
  /** `engine.run()`: the container is created, and its program runs. What is waited for beyond that is not part of it. */
  'inboard:container.run': TracedCreation
  /** The container is recorded, its image here, its volumes ready. */
  'inboard:container.create': TracedCreation
  /** The program of a container is started, until it runs. */
  'inboard:container.start': TracedContainer & {
    /** The program's process ID on the host, once it runs. */
    pid?: number
  }
  /** What a start needs of networks is taken: addresses, ports, names. */
  'inboard:container.start.network': TracedContainer
  /** Files and volumes are made ready, and the plan of the start is compiled. */
  'inboard:container.start.plan': TracedContainer
  /** The supervisor is spawned, makes the container, and executes its program. */
  'inboard:container.start.spawn': TracedContainer
  /** An awaited `container.exec()`: until the process has ended and all its output is here. */
  'inboard:container.exec': TracedExec
  /** A process is started in a container, by whatever verb: until it runs. */
  'inboard:container.exec.start': TracedExec
  /** A running container is stopped: asked, and made to end. */
  'inboard:container.stop': TracedContainer & {
    /** Whether it did not end in time, and was killed; once that is known. */
    isKilled?: boolean
  }
  /** A snapshot of a container is taken. */
  'inboard:container.snapshot': TracedContainer & {
    /** Its ID, once it is there. */
    snapshot?: string
  }
  /** A container is removed. */
  'inboard:container.remove': { readonly container: string; readonly force: boolean; readonly volumes: boolean }
  /** A network is made. */
  'inboard:network.create': {
    readonly name: string
    /** Its ID, once it is recorded. */
    network?: string
  }
  /** A network is removed. */
  'inboard:network.remove': { readonly network: string }
}

/** The name of a tracing channel: `tracing:NAME:start` and the others are its five channels. */
export type TraceName = keyof TraceMessages
