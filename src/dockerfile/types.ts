import type { ImageHealthcheck } from '../spec/options.js'

/** First and last line, counted from 1; the lines of heredocs are within. */
export interface Lines {
  readonly first: number
  readonly last: number
}

/** What every instruction has of its place in the file. */
export interface Source {
  readonly lines: Lines
  /** The text with its lines joined, without comments and the contents of heredocs: what Docker shows of a step. */
  readonly original: string
  /** The keyword as it was written: `RUN`, `run`, `Run`. */
  readonly keyword: string
  /** The comments directly above, without `#`. */
  readonly comments: readonly string[]
}

/** A file written within an instruction: `<<NAME`. */
export interface Heredoc {
  readonly name: string
  /** As it stands in the file. */
  readonly content: string
  /** Variables in it are replaced: its name was not quoted. */
  readonly expand: boolean
  /** `<<-`: tabs at the beginning of its lines do not count. */
  readonly stripTabs: boolean
}

/** JSON, executed as it is, or text for the shell. */
export type Command =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly script: string }

/** A heredoc that begins with `#!` is executed as a file of this name, whatever the shell. */
export type RunCommand = Command | { readonly form: 'file'; readonly name: string; readonly content: string }

export interface Pair {
  readonly name: string
  readonly value: string
  /** Written as `NAME the rest`, which is deprecated. */
  readonly legacy: boolean
}

export interface Argument {
  readonly name: string
  /** The default. */
  readonly value?: string
}

/** What is copied: a path of the source (or a URL, for ADD), or a file of the Dockerfile itself. */
export type CopySource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'heredoc'; readonly name: string; readonly content: string; readonly expand: boolean }

interface CopyFields extends Source {
  readonly sources: readonly CopySource[]
  readonly destination: string
  readonly chown?: string
  readonly chmod?: string
  readonly link: boolean
  readonly exclude: readonly string[]
}

export interface CopyInstruction extends CopyFields {
  readonly kind: 'COPY'
  /** A stage's name or number, an image, or a named context. */
  readonly from?: string
  readonly parents: boolean
}

export interface AddInstruction extends CopyFields {
  readonly kind: 'ADD'
  readonly checksum?: string
  /** Undefined: `.git` is left out unless the URL says otherwise. */
  readonly keepGitDir?: boolean
  /** Undefined: archives of the context are unpacked, those of URLs are not. */
  readonly unpack?: boolean
}

/** `--mount` as it was written; its options may have variables, so that it is read by `expandInstruction`. */
export interface MountFlag {
  readonly text: string
  /** A stage, an image or a named context; never a variable. */
  readonly from?: string
}

export interface RunInstruction extends Source {
  readonly kind: 'RUN'
  readonly command: RunCommand
  readonly heredocs: readonly Heredoc[]
  readonly mounts: readonly MountFlag[]
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
}

export interface CommandInstruction extends Source {
  readonly kind: 'CMD' | 'ENTRYPOINT'
  readonly command: Command
}

export interface PairsInstruction extends Source {
  readonly kind: 'ENV' | 'LABEL'
  readonly pairs: readonly Pair[]
}

export interface ArgInstruction extends Source {
  readonly kind: 'ARG'
  readonly args: readonly Argument[]
}

/** Instructions whose arguments are one text. */
export interface TextInstruction extends Source {
  readonly kind: 'MAINTAINER' | 'STOPSIGNAL' | 'USER' | 'WORKDIR'
  readonly value: string
}

export interface ExposeInstruction extends Source {
  readonly kind: 'EXPOSE'
  /** As written: a word may be several after its variables are replaced. */
  readonly ports: readonly string[]
}

export interface VolumeInstruction extends Source {
  readonly kind: 'VOLUME'
  readonly volumes: readonly string[]
}

export interface OnbuildInstruction extends Source {
  readonly kind: 'ONBUILD'
  /** What an image keeps for the builds on top of it, heredocs included; see `parseInstructions`. */
  readonly expression: string
  /** The instruction in it; undefined when it cannot be read, which is for the build on top to say. */
  readonly trigger?: Instruction
}

export interface HealthcheckInstruction extends Source {
  readonly kind: 'HEALTHCHECK'
  readonly health: ImageHealthcheck
}

export interface ShellInstruction extends Source {
  readonly kind: 'SHELL'
  readonly shell: readonly string[]
}

/** Every instruction but FROM, which begins a stage. */
export type Instruction =
  | AddInstruction
  | ArgInstruction
  | CommandInstruction
  | CopyInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | PairsInstruction
  | RunInstruction
  | ShellInstruction
  | TextInstruction
  | VolumeInstruction

/** FROM, and all up to the next. */
export interface Stage extends Source {
  readonly kind: 'FROM'
  /** `AS`, in lower case. */
  readonly name?: string
  /** As it was written, in whatever case. */
  readonly writtenName?: string
  /** `AS`, as it was written. */
  readonly as?: string
  /** An image, another stage, or `scratch`, with its variables. */
  readonly base: string
  readonly platform?: string
  readonly instructions: readonly Instruction[]
  /** The description above it: `# NAME what it is`. */
  readonly comment?: string
}

/** `# check=skip=A,B;error=true` */
export interface CheckDirective {
  readonly skip: readonly string[] | 'all'
  /** Rules that are not checked unless they are named. */
  readonly experimental: readonly string[] | 'all'
  /** Findings make the build fail. */
  readonly error: boolean
}

export type EscapeToken = '\\' | '`'

export interface Directives {
  /** The image of a frontend, which is not used here. */
  readonly syntax?: string
  readonly escape: EscapeToken
  readonly check?: CheckDirective
}

/** What a check has found. */
export interface Finding {
  readonly rule: string
  readonly message: string
  readonly lines: Lines
}

export interface Dockerfile {
  /** The name that errors have. */
  readonly file: string
  readonly directives: Directives
  /** The ARGs before the first FROM. */
  readonly metaArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
  /** What was read with doubts: `NoEmptyContinuation`. */
  readonly warnings: readonly Finding[]
}
