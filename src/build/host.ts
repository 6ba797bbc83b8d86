import type { HistoryEntry, ImageLayer } from '../image/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { Filesystem } from './filesystem.js'
import type { PullEvent } from './progress.js'

/** An image that a stage is built from, or files are copied from. */
export interface BaseImage {
  /** Its ID. */
  readonly id: string
  /** `linux/arm64/v8` */
  readonly platform: string
  readonly config: ImageRunConfig
  readonly author: string
  /** RFC 3339; '' when the image does not say. */
  readonly createdAt: string
  readonly history: readonly HistoryEntry[]
  /** Bottom first. */
  readonly layers: readonly ImageLayer[]
}

export interface BaseImageRequest {
  readonly reference: string
  readonly platform: string
  /** Asks the registry also when there is such an image here: `--pull`. */
  readonly isFresh: boolean
  readonly signal: AbortSignal
  onPull(event: PullEvent): void
}

/** Files or directories that a program of RUN sees beside its root. */
export type ProcessMount =
  /** A file or directory of the host, which nobody but the build can change. */
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  /** The files of a filesystem below a path of it, read-only. */
  | { readonly kind: 'filesystem'; readonly filesystem: Filesystem; readonly path: string; readonly target: string }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes?: number }
  | SecretFile

/** A read-only file that no disk ever has: on a tmpfs of the container's own mount namespace, which goes with that. */
export interface SecretFile {
  readonly kind: 'secret'
  readonly target: string
  readonly content: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** A program to be run in a workspace. */
export interface ProcessRequest {
  readonly args: readonly string[]
  /** `NAME=value`: all that it gets beside what every container has. */
  readonly env: readonly string[]
  /** Likewise, but told to the program alone: in no record, no store, no file. */
  readonly secretEnv: readonly string[]
  /** `USER` of the image so far; '': root. */
  readonly user: string
  readonly directory: string
  readonly mounts: readonly ProcessMount[]
  /** `default`, `none`, `host`, the name of a network, or `container:NAME`. */
  readonly network: string
  /** `--security=insecure` */
  readonly privileged: boolean
  readonly signal: AbortSignal
  /** Told before the program starts: the ID of the container that it runs in. */
  onContainer?(id: string): void
  /** A promise: no more of it before that resolves. */
  onOutput(stream: 'stdout' | 'stderr', data: Buffer): Promise<void> | undefined
}

export interface ProcessResult {
  readonly exitCode: number
  /** The number of the signal that has ended it, or 0. */
  readonly signal: number
  readonly oomKilled: boolean
}

/** A filesystem that a step is working on: a container of what the step begins with. */
export interface Workspace {
  /** Runs a program in it to its end. Once. @throws {LaunchError} it cannot be started; the signal's reason */
  run(request: ProcessRequest): Promise<ProcessResult>
  /**
   * Its files, to be written to by descriptors, as long as `body` works.
   *
   * @param body is given a descriptor (O_PATH) of the root, in which every path is to be resolved with openat2
   */
  files<Result>(body: (root: number) => Promise<Result>): Promise<Result>
}

/** A step that makes files. */
export interface StepRequest {
  /** What it is found under, if it was done before; all of them are recorded. At least one. */
  readonly keys: readonly string[]
  readonly kind: StepKind
  /** The instruction, as the history tells it. */
  readonly description: string
  readonly parent: Filesystem
  readonly platform: string
  /** It is done also if it was done before, and is recorded anew. */
  readonly isUncached: boolean
  /** No file of its layer is newer: seconds since the epoch, `SOURCE_DATE_EPOCH`. */
  readonly epoch: number | undefined
  readonly signal: AbortSignal
  /** Does it; not called when it was done before, or somebody else does it at this moment. */
  execute(workspace: Workspace): Promise<void>
}

export type StepKind = 'run' | 'copy' | 'add' | 'workdir'

/** What a step has come to. */
export interface StepOutcome {
  /** That of the parent when nothing was changed; else a layer more. */
  readonly filesystem: Filesystem
  /** When it was done, in ms. */
  readonly createdAtMs: number
  readonly isCached: boolean
}

/** The files of a filesystem, which stay as long as it is not disposed of. */
export interface FilesystemView extends AsyncDisposable {
  /** A descriptor of the root. */
  readonly root: number
}

/** What a build needs of the engine that it is done by. */
export interface BuildHost {
  /** The platform of this machine. */
  readonly platform: string
  /** @throws what a pull throws; {NotFoundError} */
  image(request: BaseImageRequest): Promise<BaseImage>
  /** What was recorded under a key, in whatever process; marks it as used. */
  find(key: string): StepOutcome | undefined
  /**
   * Does a step, or finds that it was done: once, whoever wants it at the same time. What it leaves is recorded in one
   * transaction; when it fails nothing of it is left.
   */
  step(request: StepRequest): Promise<StepOutcome>
  /** The files of a filesystem, read-only. */
  view(filesystem: Filesystem, platform: string, signal: AbortSignal): Promise<FilesystemView>
  /** A directory that is kept from build to build, by name: of cache mounts. Held as long as it is not disposed of. */
  cacheDirectory(request: CacheDirectoryRequest): Promise<CacheDirectory>
  /** A directory of this build alone, on a tmpfs where the run directory is one; gone with the build, however that ends. */
  readonly temporary: string
  /** Likewise, on the disk of the root, for what may be large; made by the first who needs it. */
  readonly unpacked: string
}

export interface CacheDirectoryRequest {
  readonly id: string
  /** `locked`: one at a time; `private`: another one when somebody has it; `shared`: together. */
  readonly sharing: 'shared' | 'private' | 'locked'
  readonly signal: AbortSignal
  /** Fills a new one, at a path that nobody sees yet. */
  fill(path: string): Promise<void>
}

export interface CacheDirectory extends AsyncDisposable {
  readonly path: string
}
