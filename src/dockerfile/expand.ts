import { InvalidOptionError } from '../errors/index.js'
import { checkSignal } from '../spec/signals.js'
import { at, Refusal } from './failure.js'
import { type Mount, parseMount } from './mount.js'
import { exposedPorts } from './ports.js'
import type { GlobalScope, Lookup, Scope } from './scope.js'
import { type LexerSettings, lexText, lexWords } from './shell-lexer.js'
import type {
  AddInstruction,
  ArgInstruction,
  Argument,
  CopyInstruction,
  CopySource,
  ExposeInstruction,
  Instruction,
  Pair,
  RunInstruction,
  Stage,
} from './types.js'

export type ExpandedRun = Omit<RunInstruction, 'mounts'> & { readonly mounts: readonly Mount[] }
/** Ports are `80/tcp`, one for each of a range. */
export type ExpandedExpose = ExposeInstruction & { readonly exposed: readonly string[] }

/** An instruction with its variables replaced, in those fields in which Docker replaces them. */
export type ExpandedInstruction =
  | Exclude<Instruction, RunInstruction | ExposeInstruction>
  | ExpandedRun
  | ExpandedExpose

/** The names that an expansion has met. */
export interface Names {
  /** Set; their values are part of what a step depends on. */
  readonly used: ReadonlySet<string>
  /** Not set, and taken as empty, or for what the substitution says. */
  readonly missing: ReadonlySet<string>
}

export interface ExpandedStage extends Names {
  readonly base: string
  readonly platform?: string
}

/**
 * Replaces the variables of an instruction by the values that they have before it; the scope then has what it defines: ENV
 * its variables, ARG the values of `--build-arg`, of the ARG before the first FROM, or its defaults.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID`
 * @see https://docs.docker.com/reference/dockerfile/#environment-replacement
 */
export function expandInstruction(
  instruction: Instruction,
  scope: Scope,
): { readonly instruction: ExpandedInstruction } & Names {
  const expander = new Expander(scope.global.settings(), (name) => scope.get(name))
  const expanded = at({ file: scope.global.file, source: instruction }, 'expand', () =>
    expandFields(instruction, expander, scope),
  )
  if (expanded.kind === 'ENV') scope.setEnv(expanded.pairs)
  return { instruction: expanded, ...expander.names }
}

/**
 * Replaces the variables of FROM: only ARGs from before the first FROM, and the platforms, are seen there.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID`
 */
export function expandFrom(stage: Stage, global: GlobalScope): ExpandedStage {
  const expander = new Expander(global.settings(), (name) => global.get(name))
  return at({ file: global.file, source: stage }, 'expand', () => {
    const base = expander.text(stage.base)
    if (base === '') throw new Refusal(`base name (${stage.base}) should not be blank`)
    const platform = stage.platform === undefined ? undefined : expander.text(stage.platform)
    if (platform === '') throw new Refusal(`empty platform value from expression ${stage.platform}`)
    return { base, ...(platform !== undefined && { platform }), ...expander.names }
  })
}

/** The image or stage that FROM names; '' when its variables leave nothing of it. */
export function expandBase(stage: Stage, global: GlobalScope): string {
  const expander = new Expander(global.settings(), (name) => global.get(name))
  return at({ file: global.file, source: stage }, 'expand', () => expander.text(stage.base))
}

/** Replaces variables, and remembers their names. */
class Expander {
  readonly #settings: LexerSettings
  readonly #used = new Set<string>()
  readonly #missing = new Set<string>()

  constructor(settings: Omit<LexerSettings, 'lookup'>, lookup: Lookup) {
    const remembering: Lookup = (name) => {
      const value = lookup(name)
      ;(value === undefined ? this.#missing : this.#used).add(name)
      return value
    }
    this.#settings = { ...settings, lookup: remembering }
  }

  get names(): Names {
    return { used: this.#used, missing: this.#missing }
  }

  readonly charge = (size: number): void => this.#settings.charge(size)

  readonly text = (text: string): string => lexText(text, this.#settings)

  readonly words = (text: string): string[] => lexWords(text, this.#settings)

  /** The content of a file, in which quotes are nothing special. */
  readonly content = (text: string): string => lexText(text, { ...this.#settings, escape: '\\', quotes: 'plain' })
}

function expandFields(instruction: Instruction, expander: Expander, scope: Scope): ExpandedInstruction {
  switch (instruction.kind) {
    case 'ADD':
    case 'COPY':
      return expandCopy(instruction, expander)
    case 'ARG':
      return expandArg(instruction, expander, scope)
    case 'ENV':
    case 'LABEL':
      return { ...instruction, pairs: instruction.pairs.map((pair) => expandPair(pair, expander)) }
    case 'EXPOSE':
      return expandExpose(instruction, expander)
    case 'RUN':
      return { ...instruction, mounts: instruction.mounts.map(({ text }) => parseMount(text, expander.text)) }
    case 'STOPSIGNAL':
      return { ...instruction, value: signalOf(expander.text(instruction.value)) }
    case 'USER':
    case 'WORKDIR':
      return { ...instruction, value: expander.text(instruction.value) }
    case 'VOLUME':
      return { ...instruction, volumes: volumesOf(instruction.volumes.map(expander.text)) }
    case 'CMD':
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
    case 'MAINTAINER':
    case 'ONBUILD':
    case 'SHELL':
      return instruction
  }
}

function expandCopy<Copy extends AddInstruction | CopyInstruction>(instruction: Copy, expander: Expander): Copy {
  const { chown, chmod } = instruction
  const checksum = instruction.kind === 'ADD' ? instruction.checksum : undefined
  return {
    ...instruction,
    ...(chown !== undefined && { chown: expander.text(chown) }),
    ...(chmod !== undefined && { chmod: expander.text(chmod) }),
    ...(checksum !== undefined && { checksum: expander.text(checksum) }),
    sources: instruction.sources.map((source) => expandSource(source, expander)),
    destination: expander.text(instruction.destination),
  }
}

function expandSource(source: CopySource, expander: Expander): CopySource {
  if (source.kind === 'path') return { ...source, path: expander.text(source.path) }
  return source.expand ? { ...source, content: expander.content(source.content) } : source
}

function expandPair({ name, value, legacy }: Pair, expander: Expander): Pair {
  return { name: expander.text(name), value: expander.text(value), legacy }
}

/** Each argument sees those before it. A default that is not needed is not even read. */
function expandArg(instruction: ArgInstruction, expander: Expander, scope: Scope): ArgInstruction {
  const args = instruction.args.map(({ name, value }): Argument => {
    const given = scope.global.buildArg(name) ?? (value === undefined ? scope.global.get(name) : expander.text(value))
    const arg = given === undefined ? { name } : { name, value: given }
    scope.declare(arg)
    return arg
  })
  return { ...instruction, args }
}

/** A word may be several, or none, once its variables are replaced. */
function expandExpose(instruction: ExposeInstruction, expander: Expander): ExpandedExpose {
  const ports = instruction.ports.flatMap(expander.words)
  const exposed = [...new Set(ports.flatMap((word) => exposedPorts(word, expander.charge)))]
  return { ...instruction, ports, exposed }
}

function volumesOf(volumes: string[]): string[] {
  if (volumes.includes('')) throw new Refusal('VOLUME specified can not be an empty string')
  return volumes
}

function signalOf(text: string): string {
  try {
    return checkSignal('stopSignal', text)
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new Refusal(`Invalid signal: ${text}`)
    throw error
  }
}
