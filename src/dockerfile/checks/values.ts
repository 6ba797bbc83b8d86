import { posix } from 'node:path'
import { BuildError, InvalidOptionError } from '../../errors/index.js'
import { parseReference } from '../../reference/reference.js'
import { type ExpandedInstruction, expandBase, expandFrom, expandInstruction } from '../expand.js'
import { splitPort } from '../ports.js'
import { GlobalScope, type GlobalValues, Scope } from '../scope.js'
import { didYouMean } from '../suggest.js'
import type { Dockerfile, Instruction, Source, Stage } from '../types.js'
import type { Report } from './report.js'

/** What is known of an image. */
export interface KnownImage {
  readonly env?: readonly string[]
  readonly shell?: readonly string[]
}

export interface CheckOptions extends GlobalValues {
  /** What a stage is built from; what is not known is taken to have a `PATH`. */
  readonly image?: (name: string) => KnownImage | undefined
  /** Whether `.dockerignore` leaves a path of the context out. Absent where it has exceptions (`!`): then nobody can say. */
  readonly isIgnored?: (path: string) => boolean
}

/** A stage as its instructions have made it. */
interface CheckedStage {
  readonly scope: Scope
  hasShell: boolean
  hasWorkdir: boolean
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * What can be said when the values are known.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID` a value cannot be made
 */
export function checkValues(dockerfile: Dockerfile, options: CheckOptions, report: Report): void {
  checkDefaults(dockerfile, options, report)
  const global = new GlobalScope(dockerfile, options)
  const named = new Map<string, CheckedStage>()
  for (const stage of dockerfile.stages) {
    const base = checkFrom(stage, global, report)
    const checked = beginStage(named.get(base), options.image?.(base), global)
    for (const instruction of stage.instructions) checkInstruction(instruction, checked, options, report)
    if (stage.name !== undefined) named.set(stage.name, checked)
  }
}

function beginStage(
  parent: CheckedStage | undefined,
  image: KnownImage | undefined,
  global: GlobalScope,
): CheckedStage {
  if (parent) return { ...parent, scope: new Scope(global, { env: parent.scope.env, parent: parent.scope }) }
  const hasShell = (image?.shell ?? []).length > 0
  return { scope: new Scope(global, { env: image?.env ?? [path] }), hasShell, hasWorkdir: false }
}

/** A FROM that only works with `--build-arg`. */
function checkDefaults(dockerfile: Dockerfile, { predefined }: CheckOptions, report: Report): void {
  try {
    const global = new GlobalScope(dockerfile, { ...(predefined && { predefined }) })
    for (const stage of dockerfile.stages) {
      if (isImageName(expandBase(stage, global))) continue
      const message = `Default value for ARG ${stage.base} results in empty or invalid base image name`
      report.add('InvalidDefaultArgInFrom', stage, message)
    }
  } catch (error) {
    // What is wrong whatever the values are is said by who expands it with those that were given.
    if (!(error instanceof BuildError)) throw error
  }
}

const maxNameLength = 1000

function isImageName(text: string): boolean {
  if (text.length > maxNameLength) return false
  try {
    parseReference(text)
    return true
  } catch (error) {
    if (error instanceof InvalidOptionError) return false
    throw error
  }
}

/** The name of what the stage is built from. */
function checkFrom(stage: Stage, global: GlobalScope, report: Report): string {
  const { base, platform, used, missing } = expandFrom(stage, global)
  for (const name of missing) {
    if (report.isFull || global.has(name)) continue
    const guess = didYouMean(name, global.names())
    report.add('UndefinedArgInFrom', stage, `FROM argument '${name}' is not declared${guess}`)
  }
  if (stage.platform !== undefined && platform !== undefined) checkPlatform(stage, platform, used, global, report)
  return base
}

function checkPlatform(
  stage: Stage,
  platform: string,
  used: ReadonlySet<string>,
  global: GlobalScope,
  report: Report,
): void {
  const { platform: written = '', name = '' } = stage
  const isTarget = /^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(written)
  if (isTarget && used.has('TARGETPLATFORM') && platform === global.get('TARGETPLATFORM')) {
    const message = `Setting platform to predefined ${written} in FROM is redundant as this is the default behavior`
    report.add('RedundantTargetPlatform', stage, message)
  }
  // A stage that says in its name what it is for may well be for it alone.
  const isSaid = platform
    .toLowerCase()
    .split('/')
    .slice(0, 2)
    .some((part) => name.includes(part))
  if (!written.includes('$') && !isSaid) {
    const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`
    report.add('FromPlatformFlagConstDisallowed', stage, message)
  }
}

function checkInstruction(written: Instruction, stage: CheckedStage, options: CheckOptions, report: Report): void {
  const { scope } = stage
  const { instruction, missing } = expandInstruction(written, scope)
  for (const name of missing) {
    if (report.isFull || scope.isDeclared(name)) continue
    const guess = didYouMean(name, scope.names(), '$')
    report.add('UndefinedVar', written, `Usage of undefined variable '$${name}'${guess}`)
  }
  checkExpanded(instruction, stage, options, report)
}

function checkExpanded(
  instruction: ExpandedInstruction,
  stage: CheckedStage,
  { isIgnored }: CheckOptions,
  report: Report,
): void {
  switch (instruction.kind) {
    case 'SHELL':
      stage.hasShell = true
      return
    case 'CMD':
    case 'ENTRYPOINT': {
      const message = `JSON arguments recommended for ${instruction.keyword} to prevent unintended behavior related to OS signals`
      if (instruction.command.form === 'shell' && !stage.hasShell)
        report.add('JSONArgsRecommended', instruction, message)
      return
    }
    case 'WORKDIR': {
      const message = `Relative workdir ${JSON.stringify(instruction.value)} can have unexpected results if the base image changes`
      if (!stage.hasWorkdir && !instruction.value.startsWith('/'))
        report.add('WorkdirRelativePath', instruction, message)
      stage.hasWorkdir = true
      return
    }
    case 'EXPOSE':
      for (const word of instruction.ports) checkPort(word, instruction, report)
      return
    case 'ADD':
    case 'COPY': {
      if (!isIgnored || (instruction.kind === 'COPY' && instruction.from !== undefined)) return
      for (const source of instruction.sources)
        if (source.kind === 'path') checkSource(source.path, instruction.kind, instruction, isIgnored, report)
      return
    }
    default:
      return
  }
}

function checkPort(word: string, source: Source, report: Report): void {
  const { address, hostPort, protocol } = splitPort(word)
  if (protocol !== protocol.toLowerCase())
    report.add('ExposeProtoCasing', source, `Defined protocol '${word}' in EXPOSE instruction should be lowercase`)
  if (address !== '' || hostPort !== '')
    report.add(
      'ExposeInvalidFormat',
      source,
      `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`,
    )
}

function checkSource(
  written: string,
  kind: 'ADD' | 'COPY',
  source: Source,
  isIgnored: (path: string) => boolean,
  report: Report,
): void {
  // URLs and git repositories are not in the context.
  if (kind === 'ADD' && /^(?:[a-z+]+:\/\/|git@)/i.test(written)) return
  const clean = posix.join('/', written).slice(1).replace(/\/$/, '') || '.'
  const verb = kind === 'ADD' ? 'Add' : 'Copy'
  const message = `Attempting to ${verb} file ${JSON.stringify(clean)} that is excluded by .dockerignore`
  if (isIgnored(clean)) report.add('CopyIgnoredFile', source, message)
}
