import { posix } from 'node:path'
import type { ImageRunConfig } from '../spec/options.js'
import {
  commandOf,
  healthcheckOf,
  invalidChange,
  jsonList,
  oneWord,
  pairsOf,
  portsOf,
  triggerOf,
} from './change-values.js'
import { expandText, expandWords, type Lookup } from './shell-words.js'
import { variableName } from './words.js'

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

/** A configuration in the making. */
interface Draft {
  readonly config: Mutable<ImageRunConfig>
  /** A command that one of the changes has given stays when another gives an entrypoint. */
  hasCommand: boolean
}

type Change = (draft: Draft, value: string, lookup: Lookup) => void

/**
 * Applies the Dockerfile instructions of `docker import --change` and `docker commit --change` to a configuration: CMD,
 * ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR, written as in a Dockerfile.
 * Variables in them are those of the configuration's environment.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const draft: Draft = { config: { ...base }, hasCommand: false }
  const lines = instructionsOf(changes)
  if (lines.length === 0 && changes.length > 0) throw invalidChange('file with no instructions', changes.join('\n'))
  for (const line of lines) {
    const [, instruction = '', value = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? []
    const apply = instructions[instruction.toUpperCase()]
    if (!apply) throw invalidChange(`${instruction.toLowerCase()} is not a valid change command`, line)
    if (value === '') throw invalidChange(`${instruction.toUpperCase()} requires ${argumentsOf(instruction)}`, line)
    apply(draft, value, lookupIn(draft.config.Env ?? []))
  }
  return draft.config
}

/** A backslash at its end joins a line with the next; comments and empty lines do not count. */
function instructionsOf(changes: readonly string[]): string[] {
  const instructions: string[] = []
  let line = ''
  for (const text of changes.flatMap((change) => [...change.split('\n'), undefined])) {
    const isComment = text !== undefined && /^\s*(?:#|$)/.test(text)
    if (isComment) continue
    const isOpen = text !== undefined && /\\[ \t]*$/.test(text)
    line += isOpen ? text.replace(/\\[ \t]*$/, '') : (text ?? '')
    if (!isOpen && line.trim() !== '') instructions.push(line.trim())
    if (!isOpen) line = ''
  }
  return instructions
}

function argumentsOf(instruction: string): string {
  return /^(?:USER|WORKDIR|STOPSIGNAL)$/i.test(instruction) ? 'exactly one argument' : 'at least one argument'
}

function lookupIn(env: readonly string[]): Lookup {
  const variables = new Map(
    env.map((variable) => [variableName(variable), variable.slice(variableName(variable).length + 1)]),
  )
  return (name) => variables.get(name)
}

const instructions: Readonly<Record<string, Change>> = {
  CMD(draft, value) {
    draft.config.Cmd = commandOf(value, draft.config.Shell)
    draft.hasCommand = true
  },
  ENTRYPOINT(draft, value) {
    draft.config.Entrypoint = commandOf(value, draft.config.Shell)
    // What is in the way of the new entrypoint was meant for the old one.
    if (!draft.hasCommand) delete draft.config.Cmd
  },
  ENV({ config }, value, lookup) {
    const env = new Map((config.Env ?? []).map((variable) => [variableName(variable), variable]))
    for (const [name, content] of pairsOf('ENV', value, lookup)) env.set(name, `${name}=${content}`)
    config.Env = [...env.values()]
  },
  EXPOSE({ config }, value, lookup) {
    const ports = expandWords(value, lookup).flatMap(portsOf)
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) }
  },
  HEALTHCHECK({ config }, value) {
    config.Healthcheck = healthcheckOf(value)
  },
  LABEL({ config }, value, lookup) {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf('LABEL', value, lookup)) }
  },
  ONBUILD({ config }, value) {
    config.OnBuild = [...(config.OnBuild ?? []), triggerOf(value)]
  },
  STOPSIGNAL({ config }, value, lookup) {
    config.StopSignal = oneWord('STOPSIGNAL', value, lookup)
  },
  USER({ config }, value, lookup) {
    config.User = oneWord('USER', value, lookup)
  },
  VOLUME({ config }, value, lookup) {
    const volumes = jsonList(value) ?? expandWords(value, lookup)
    if (volumes.length === 0) throw invalidChange('VOLUME requires at least one argument', value)
    if (volumes.includes('')) throw invalidChange('VOLUME specified can not be an empty string', value)
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(volumes.map((volume) => [volume, {}])) }
  },
  WORKDIR({ config }, value, lookup) {
    const directory = expandText(value, lookup)
    config.WorkingDir = directory.startsWith('/') ? directory : posix.join('/', config.WorkingDir ?? '', directory)
  },
}
