import type { BuildContext } from '../context/index.js'
import type { Filesystem } from '../filesystem.js'
import type { BuildHost, StepKind, Workspace } from '../host.js'
import type { KeyPart } from '../key.js'
import type { BuildSettings } from '../settings.js'
import type { StageState } from '../stage-state.js'

/** What an instruction does to the files of its stage. */
export interface FilesystemStep {
  readonly kind: StepKind
  /** As the image's history tells it. */
  readonly createdBy: string
  /** All that decides on the result beside the files that there are, as far as it is known without reading any; undefined when that is not enough. */
  readonly quickKey?: KeyPart
  /** All that decides on the result beside the files that there are: what is read by its content. Called when nothing is known by `quickKey`. */
  key(): Promise<KeyPart>
  execute(workspace: Workspace): Promise<void>
  /** Gives back what was fetched for the key. Called at the end, whether or not anything else was. */
  dispose?(): Promise<void>
}

/** Where `from` leads. */
export interface StepSource {
  /** Of a stage or an image; undefined: a context, which only its content tells. */
  readonly filesystem: Filesystem | undefined
  /** Its files, with the owners that they have there; opened once for all steps of the build, and closed with it. */
  files(): Promise<BuildContext>
}

/** What a step has to work with. */
export interface StepContext {
  readonly host: BuildHost
  readonly settings: BuildSettings
  /** The stage as it is before the instruction, but for the variables, which have what the instruction defines. */
  readonly state: StageState
  readonly signal: AbortSignal
  /** @param from a stage's name or number, an image, or a named context; undefined: the main context */
  source(from: string | undefined): Promise<StepSource>
  /** A container is about to run the step's program. */
  started(container: string): void
  /** Output of the step. A promise: whoever reads it has enough for now. */
  log(stream: 'stdout' | 'stderr', data: Buffer): Promise<void> | undefined
  warn(rule: string, message: string): void
}
