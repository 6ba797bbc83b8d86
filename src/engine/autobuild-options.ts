import type { BuildEvent } from '../build/index.js'
import type { RegistryAuth } from '../registry/types.js'
import type { BuildOptions } from './build-options.js'
import type { Image } from './image.js'

/** How {@link Engine.autobuild} builds: options of a build that do not say where the result goes. */
export type AutobuildBuildOptions = Omit<
  BuildOptions,
  'tag' | 'file' | 'dockerfile' | 'output' | 'iidfile' | 'platform' | 'signal'
> & { readonly platform?: string }

/** Options of {@link Engine.autobuild}. */
export interface AutobuildOptions {
  /** The repository's URL: http, https, git or ssh, or `user@host:path`. */
  readonly git: string
  /** Default: what the repository's HEAD is. */
  readonly branch?: string
  /** The Dockerfile, from `directory`. Default: `Dockerfile`. */
  readonly dockerfile?: string
  /** What of the repository is the context. Default: all of it. */
  readonly directory?: string
  /**
   * Names of the image, in which `{commit}` stands for the commit, and `{shortCommit}` for its first 12 digits; or what makes them
   * of the commit.
   */
  readonly image: string | readonly string[] | ((commit: string) => string | readonly string[])
  /** Pushes each name of what was built. Default: false. */
  readonly push?: boolean
  /** Of the registry, instead of what `login()` has stored. */
  readonly auth?: RegistryAuth
  /** How often the repository is asked: ms, or a text such as `5m`; false: only by {@link Autobuild.trigger}. Default: a minute. */
  readonly interval?: number | string | false
  readonly options?: AutobuildBuildOptions
  /** Ends it. */
  readonly signal?: AbortSignal
}

/** What happens while a repository is watched. */
export type AutobuildEvent =
  /** The branch was looked at; `isBuilt`: its commit was built, and pushed, already. */
  | { readonly kind: 'checked'; readonly commit: string; readonly isBuilt: boolean }
  | { readonly kind: 'building'; readonly commit: string }
  | { readonly kind: 'progress'; readonly commit: string; readonly event: BuildEvent }
  | { readonly kind: 'built'; readonly commit: string; readonly image: Image; readonly durationMs: number }
  | { readonly kind: 'pushed'; readonly commit: string; readonly reference: string; readonly digest: string }
  /** It is tried again after `retryMs`, unless there is a newer commit or somebody triggers before. `commit` is unknown when the repository could not be asked. */
  | {
      readonly kind: 'failed'
      readonly stage: 'check' | 'build' | 'push'
      readonly commit: string | undefined
      readonly error: Error
      readonly retryMs: number
    }
  /** So much was dropped here: the loop is 64 MiB behind. */
  | { readonly kind: 'lost'; readonly events: number; readonly bytes: number }
