import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import type { ProcessMount, ProcessRequest, ProcessResult, Workspace } from '../build/host.js'
import { openContainerTree } from '../container/container-tree.js'
import type { ContainerContext, Live } from '../container/context.js'
import type { RunRequest } from '../container/run-builder.js'
import type { Content } from '../content/content.js'
import type { Digest } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import { layerTar } from '../image/documents/media-types.js'
import { emptyLayer } from '../image/empty-layer.js'
import { formatPlatform, type ImageContent } from '../image/index.js'
import { chainIds } from '../layer/index.js'
import { missingPlaces, removePlaces } from '../snapshot/mount-points.js'
import type { MountInput, RunOptions } from '../spec/options.js'
import { removeWorkspace } from './build-directory.js'
import { verifyRunnable } from './build-platforms.js'
import { createContainer, type RunStages, runContainer } from './run-actions.js'

const limitNames = [
  'memory',
  'memorySwap',
  'cpus',
  'cpuShares',
  'cpuPeriod',
  'cpuQuota',
  'cpusetCpus',
  'cpusetMems',
  'pidsLimit',
  'ulimit',
  'shmSize',
  'addHost',
  'cgroupParent',
] as const satisfies readonly (keyof RunOptions)[]

/** What the programs of a build may use, as `docker build` has it. */
export type WorkspaceLimits = Pick<RunOptions, (typeof limitNames)[number]>

export interface WorkspaceRequest {
  /** The ID of the image that has the files that it begins with, and an empty configuration. */
  readonly image: string
  /** The build that it is of: a {@link BuildDirectory}'s, as long as that is there. */
  readonly build: string
  readonly limits: WorkspaceLimits
  readonly signal: AbortSignal
}

/** What a workspace has changed, as a layer that is in place, and not recorded yet. */
export interface PackedLayer {
  readonly diffId: Digest
  readonly chainId: string
  /** The layer's tar, as it is. */
  readonly blob: Digest
  readonly mediaType: string
  /** Bytes of its files. */
  readonly size: number
  /** Bytes of the tar. */
  readonly tarSize: number
}

export interface PackRequest {
  /** No file is newer: seconds since the epoch. */
  readonly epoch?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** That of the images. */
  readonly content: Pick<Content, 'ingestMade' | 'path'>
}

/** As BuildKit's: a name of each container's own would be found in what programs make. */
const hostname = 'buildkitsandbox'

const attached = { attached: true, rows: 0, columns: 0 }

/** A container as a step of a build. It is made when it is first needed, and ends with this process. */
export class BuildWorkspace implements Workspace, AsyncDisposable {
  readonly #stages: RunStages
  readonly #context: ContainerContext
  readonly #request: WorkspaceRequest
  #container: string | undefined
  #live: Live | undefined
  /** Of mounts, which the start has made. */
  #places: readonly string[] = []

  constructor(stages: RunStages, context: ContainerContext, request: WorkspaceRequest) {
    this.#stages = stages
    this.#context = context
    this.#request = request
  }

  async run(request: ProcessRequest): Promise<ProcessResult> {
    if (this.#container !== undefined)
      throw new Error('a workspace runs one program, before anything else is done in it')
    request.signal.throwIfAborted()
    const targets = request.mounts.map(({ target }) => target)
    this.#places = missingPlaces(this.#stages.snapshots.layers(this.#image.chain), targets)
    const { live } = await runContainer(
      this.#stages,
      this.#context,
      await this.#runRequest(request),
      { ...attached, secrets: secretsOf(request) },
      (recorded) => {
        this.#onRecorded(recorded)
        request.onContainer?.(recorded.id)
      },
    )
    this.#live = live
    live.session.listen({
      onOutput: (stream, data) => {
        const room = request.onOutput(stream, data)
        if (!room || request.signal.aborted) return
        live.session.pause()
        room.finally(() => live.session.resume())
      },
    })
    const onAbort = () => {
      this.#kill()
      live.session.resume()
    }
    request.signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (request.signal.aborted) onAbort()
      const { exitCode, signal, oomKilled } = await live.ended()
      request.signal.throwIfAborted()
      return { exitCode, signal, oomKilled }
    } finally {
      request.signal.removeEventListener('abort', onAbort)
    }
  }

  async files<Result>(body: (root: number) => Promise<Result>): Promise<Result> {
    const { signal } = this.#request
    if (this.#container === undefined) await this.#create(signal)
    await this.#live?.gone()
    const tree = await openContainerTree(this.#context, this.#container as string, signal)
    try {
      return await body(tree.root)
    } finally {
      await tree.end()
    }
  }

  /**
   * Makes a layer of what it has changed: its tar in the content, its files among the snapshots. To be called within a
   * change of the images, in which it is recorded; the workspace is of no use afterwards.
   *
   * @returns undefined: nothing was changed
   */
  async pack({ epoch, signal, content }: PackRequest): Promise<PackedLayer | undefined> {
    // Nobody has it mounted: its program has ended, and its mounts with that; or its tree was given back.
    if (this.#container === undefined) return undefined
    const { snapshots, paths } = this.#stages
    const { chain, layers } = this.#image
    const directory = `${paths.containers}/${this.#container}`
    failpoint('workspace.pack')
    const [own = '', ...base] = snapshots.layers(chain, directory)
    removePlaces(own, this.#places, base)
    if (isUntouched(own)) return undefined
    let size = 0
    const blob = await content.ingestMade(async (path) => {
      const packed = await snapshots.packChanges(chain, directory, path, { signal, settle: { latest: epoch } })
      size = packed.contentSize
      return { digest: packed.diffId as Digest, size: packed.size }
    })
    if (blob.digest === emptyLayer) return undefined
    const [parent] = chain
    const chainId = chainIds([...layers.map(({ diffId }) => diffId), blob.digest]).at(-1) as string
    failpoint('workspace.adopt')
    await snapshots.adopt(chainId, parent, directory, { tar: content.path(blob.digest), signal })
    return { diffId: blob.digest, chainId, blob: blob.digest, mediaType: layerTar, size, tarSize: blob.size }
  }

  /** Removes it, running or not. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#container === undefined) return
    this.#kill()
    await this.#live?.gone()
    await removeWorkspace(this.#stages, this.#context, this.#container)
  }

  get #image(): ImageContent {
    return this.#stages.images.resolve(this.#request.image)
  }

  /** It runs nothing, but a container has a command. */
  async #create(signal: AbortSignal): Promise<void> {
    await createContainer(this.#stages, this.#context, this.#requestOf(['/'], signal, {}), this.#onRecorded)
  }

  #kill(): void {
    void this.#live?.session.signal(constants.signals.SIGKILL, { everyone: true, final: true })
  }

  async #runRequest(request: ProcessRequest): Promise<RunRequest> {
    await verifyRunnable(formatPlatform(this.#image), (path) => this.#hasFile(path))
    const { args, env, user, directory, mounts, network, privileged, signal } = request
    const inputs = await Promise.all(mounts.map((mount) => this.#mountInput(mount, signal)))
    return this.#requestOf(args, signal, {
      env,
      user,
      workdir: directory,
      // Who shares a network has the name that belongs to it.
      ...(!network.startsWith('container:') && { hostname }),
      mount: inputs.filter((input) => input !== undefined),
      tmpfs: mounts.flatMap(tmpfsInput),
      ...(network !== 'default' && { network }),
      privileged,
      ...limitsOf(this.#request.limits),
    })
  }

  #hasFile(path: string): boolean {
    using files = this.#stages.snapshots.files(this.#image.chain)
    return files.lookup(path) !== undefined
  }

  async #mountInput(mount: ProcessMount, signal: AbortSignal): Promise<MountInput | undefined> {
    const { kind, target } = mount
    switch (kind) {
      case 'bind':
        return { type: 'bind', source: mount.source, target, readOnly: mount.readOnly }
      case 'filesystem': {
        const { images } = this.#stages
        const platform = formatPlatform(this.#image)
        const source = await images.steps.hidden(this.#request.build, mount.filesystem.layers, platform, signal)
        return { type: 'image', source, target, imageOptions: { subpath: mount.path.replace(/^\/+/, '') } }
      }
      case 'tmpfs':
      case 'secret':
        return undefined
      default:
        throw new Error(`unreachable: ${mount satisfies never}`)
    }
  }

  #requestOf(command: readonly string[], signal: AbortSignal, options: RunOptions): RunRequest {
    // What it prints is told as it comes; an image that is not there is not to be had from anywhere.
    return { image: this.#request.image, command, options: { logDriver: 'none', pull: 'never', ...options }, signal }
  }

  readonly #onRecorded = ({ id }: { id: string }): void => {
    failpoint('workspace.create')
    this.#stages.workspaces.insert(id, this.#request.build)
    this.#container = id
  }
}

/** Programs are run from there, as BuildKit has it. */
function tmpfsInput(mount: ProcessMount) {
  if (mount.kind !== 'tmpfs') return []
  const options = ['exec', 'dev', ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`])].join(',')
  return [{ target: mount.target, options }]
}

function secretsOf({ secretEnv, mounts }: ProcessRequest) {
  return { env: secretEnv, files: mounts.filter((mount) => mount.kind === 'secret') }
}

/** Whatever else a build's options are. */
function limitsOf(options: WorkspaceLimits): WorkspaceLimits {
  return Object.fromEntries(limitNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
}

/** Of a writable layer: nothing was written. Files that are whole are never without any. */
function isUntouched(own: string): boolean {
  return !existsSync(own) || native().isEmptyDirectory(own)
}
