import type { Finding } from '../dockerfile/index.js'
import type { ImageProgress } from '../image/index.js'

/** A step: an instruction of a stage that is built. */
export interface BuildStep {
  /** Unique in the build, in the order of the Dockerfile: `0.1`. */
  readonly id: string
  /** The stage's name, else its number. */
  readonly stage: string
  /** The line of the Dockerfile that it begins on; undefined for a trigger of a base image. */
  readonly line: number | undefined
  /** As Docker shows it: `[build 2/5] RUN make`. */
  readonly name: string
  /** As it is written: `RUN make`. */
  readonly instruction: string
  /** What it is done for, of several platforms; else undefined. */
  readonly platform?: string
}

/** A base image on its way. */
export interface PullEvent {
  readonly kind: 'pull'
  readonly reference: string
  readonly progress: ImageProgress
}

/** What will be done. */
export interface PlanEvent {
  readonly kind: 'plan'
  /** The ARGs in front of the first FROM, as they are written. */
  readonly args: readonly string[]
  /** Of all stages that the target needs, in the order of the Dockerfile, also those that make no files. */
  readonly steps: readonly BuildStep[]
  /** What it is done for, of several platforms; else undefined. */
  readonly platform?: string
}

/** What happens while an image is built. */
export type BuildEvent =
  /** Where the files come from that the build may read; `name` of the main one is `context`. */
  | { readonly kind: 'context'; readonly name: string; readonly status: 'opened' }
  | PlanEvent
  | { readonly kind: 'step'; readonly step: BuildStep; readonly status: 'started' | 'cached' }
  | { readonly kind: 'step'; readonly step: BuildStep; readonly status: 'done' | 'failed'; readonly durationMs: number }
  /** The program of a RUN is about to start in this container, which goes with the step. */
  | { readonly kind: 'container'; readonly step: BuildStep; readonly id: string }
  /**
   * An instruction is done, whether or not it makes files. `id` is what the stage has come to: after FROM the image's ID, '' for
   * `scratch`, else a digest that no image has; of FROM also: how many triggers of the image come next, as steps of their own.
   */
  | { readonly kind: 'result'; readonly step: BuildStep; readonly id: string; readonly triggers?: number }
  | { readonly kind: 'log'; readonly step: BuildStep; readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }
  | PullEvent
  /** What the checks have found, or is done otherwise than the Dockerfile asks. */
  | { readonly kind: 'warning'; readonly finding: Finding }
  /** The result is written, or recorded: `image`, or the type of an output. */
  | { readonly kind: 'export'; readonly what: string; readonly status: 'started' | 'done' }
  /** So much of the log was dropped here, as the reader is 64 MiB behind a build that somebody awaits. */
  | { readonly kind: 'lost'; readonly events: number; readonly bytes: number }

/** A promise: who reads it has enough for now; what writes a log is to wait for it. */
export type OnBuildEvent = (event: BuildEvent) => Promise<void> | undefined
