import type { ProcessMount } from '../host.js'
import type { KeyPart } from '../key.js'
import type { MountScope } from './mount-scope.js'

/** What a mount of RUN brings for its program, beside what `--mount` says. */
export interface ReadyMount {
  readonly mounts?: readonly ProcessMount[]
  /** `NAME=value` */
  readonly env?: readonly string[]
  /** Likewise, and recorded nowhere. */
  readonly secretEnv?: readonly string[]
  /** Values that are hidden in what the program writes. */
  readonly secrets?: readonly Uint8Array[]
  /** When the program has ended well: what it read is still what the key says. */
  verify?(): Promise<void>
}

/** `--mount` of a RUN. */
export interface RunMount {
  /** What it decides of the result, when that is known without reading files; else undefined. */
  readonly quickKey: KeyPart
  /** The same, with what is read by its content. Absent: it decides no more than {@link quickKey} says. */
  contentKey?(): Promise<KeyPart>
  /** What others may wait for: all programs take those in one order, and so never wait for each other in a circle. */
  lock?(): Promise<string>
  /** Makes it ready for the program. */
  ready(scope: MountScope): Promise<ReadyMount>
}
