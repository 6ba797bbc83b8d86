import type { TestImage } from './images.js'

/** A line of a tutorial, as somebody types it who watches what comes of it. */
export interface Step {
  /** For bash; `docker` is the client, and variables are what earlier steps have captured. */
  readonly run: string
  /** What it must show, on either stream. */
  readonly shows?: RegExp | readonly RegExp[]
  /** What it must not show. */
  readonly hides?: RegExp
  /** Its exit code, or any but 0. Default 0. */
  readonly exits?: number | 'failure'
  readonly stdin?: string
  /** A variable for the steps that follow: what it has printed, without the line's end. */
  readonly into?: string
  /** Done again until it shows what it must: what it tells of takes a moment. */
  readonly again?: boolean
  /** Ctrl-C, as soon as it has shown what it must. */
  readonly interrupted?: boolean
  /** It is run at a terminal: after each text has appeared, keys are typed. */
  readonly terminal?: readonly (readonly [after: string, keys: string])[]
  /** How its output is compared: as it is, as a JSON document field by field, as lines in whichever order, or not. Default: as it is. */
  readonly compared?: 'text' | 'document' | 'lines' | 'no'
  /** What else of its output is another one each time, and what to call it. */
  readonly masks?: readonly (readonly [what: RegExp, name: string])[]
}

/** A tutorial, or the commands of one family. */
export interface Script {
  /** Also of the file of facts: `docker-NAME.json`. */
  readonly name: string
  /** The names that images have in it, and what they are here. */
  readonly images?: Readonly<Record<string, TestImage>>
  /** Files in the directory that it is followed in. */
  readonly files?: Readonly<Record<string, string>>
  /** What its Dockerfiles install is in the directory `base/packages`, for apt-get. */
  readonly packages?: boolean
  /** It uses the registries: `$HUB`, which anybody may use, `$REGISTRY` with the user `docker`, and `$INDEX`, which is searched. */
  readonly registries?: boolean
  /** Done before, and compared with nothing. */
  readonly before?: readonly string[]
  /** A line alone must end well, and its output is compared. */
  readonly steps: readonly (Step | string)[]
}

/** The steps of a script. */
export const stepsOf = ({ steps }: Script): readonly Step[] =>
  steps.map((step) => (typeof step === 'string' ? { run: step } : step))

/** What a step has shown. */
export interface Shown {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a step has shown, with names in place of what is another one each time. */
export interface Followed extends Shown {
  readonly run: string
  /** Why it is not what the script says that it must be. */
  readonly problem?: string
}

/** Where a script is followed. */
export interface Target {
  /** Of the client: `DOCKER_HOST`, `PATH`. */
  readonly env: Readonly<Record<string, string>>
  /** Put before each command, so that it is on the daemon's host. */
  readonly prefix: readonly string[]
  /** Paths and addresses of this target alone, and what to call them. */
  readonly places: Readonly<Record<string, string>>
}
