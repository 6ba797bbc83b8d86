import { InvalidOptionError } from '../errors/index.js'
import { checkText, invalidOption } from './invalid.js'
import type { EnvInput } from './options.js'

/** Where a variable without a value takes it from. */
export type ProcessEnvironment = Readonly<Record<string, string | undefined>>

/**
 * `--env`: `NAME=value`, or `NAME` alone for the value that this process has (left out when it has none);
 * as an object, null takes away what the image has.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseEnv(input: EnvInput | undefined, processEnv: ProcessEnvironment): string[] {
  if (input === undefined || isList(input)) return (input ?? []).flatMap((text) => withValue(checked(text), processEnv))
  return Object.entries(input).flatMap(([name, value]) => {
    if (name === '' || name.includes('='))
      throw invalidOption('env', `invalid environment variable: ${name}`, 'give a name without "="', name)
    // Without `=` it takes the image's away.
    if (value === null) return [checked(name)]
    return withValue(checked(value === undefined ? name : `${name}=${value}`), processEnv)
  })
}

const isList = (input: EnvInput): input is readonly string[] => Array.isArray(input)

function checked(assignment: string): string {
  const text = checkText('env', assignment)
  if (text !== '' && !text.startsWith('=')) return text
  throw invalidOption('env', `invalid environment variable: ${text}`, "give 'NAME=value'", text)
}

function withValue(assignment: string, processEnv: ProcessEnvironment): string[] {
  if (assignment.includes('=')) return [assignment]
  const value = processEnv[assignment]
  return value === undefined ? [] : [`${assignment}=${value}`]
}

/**
 * The variables of env files, in Docker's format: one `NAME=value` or `NAME` a line, `#` comments, no quoting, no expansion.
 *
 * @param contents by path, already read
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseEnvFiles(
  paths: string | readonly string[] | undefined,
  contents: ReadonlyMap<string, string>,
  processEnv: ProcessEnvironment,
): string[] {
  const all = paths === undefined ? [] : typeof paths === 'string' ? [paths] : paths
  return all.flatMap((path) => {
    const text = contents.get(path)
    if (text === undefined)
      throw invalidOption('envFile', `open ${path}: no such file or directory`, 'check the path', path)
    const lines = text.replace(/^\uFEFF/, '').split('\n')
    return lines.flatMap((line, index) => parseLine(path, line, index + 1, processEnv))
  })
}

function parseLine(path: string, line: string, number: number, processEnv: ProcessEnvironment): string[] {
  const text = line.replace(/\r$/, '').trimStart()
  if (text === '' || text.startsWith('#')) return []
  const name = text.split('=', 1)[0] as string
  const problem = problemOf(name, text)
  if (problem) throw envFileError(path, problem, number)
  return withValue(text, processEnv)
}

function problemOf(name: string, line: string): string | undefined {
  if (name === '') return `no variable name on line '${line}'`
  if (/\s/.test(name)) return `variable '${name}' contains whitespaces`
  if (line.includes('\0')) return `variable '${name}' contains a NUL character`
  // What was not UTF-8 when the file was read.
  return line.includes('\uFFFD') ? 'invalid utf8 bytes' : undefined
}

function envFileError(path: string, problem: string, line: number): InvalidOptionError {
  return new InvalidOptionError(`invalid env file (${path}): ${problem}: correct line ${line}`, {
    code: 'INVALID_OPTION',
    details: { option: 'envFile', path, line },
  })
}

/** Docker's search path for programs where the image says nothing. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface EnvironmentInput {
  readonly hostname: string
  readonly tty: boolean
  readonly home: string
  /** What tells of linked containers. */
  readonly linkEnv?: readonly string[] | undefined
  /** What the user gave. */
  readonly env: readonly string[]
  /** What the image has; the user's win. */
  readonly imageEnv: readonly string[]
  /** An exec's own, over all others. */
  readonly execEnv?: readonly string[]
}

/**
 * The environment of a container's process, in Docker's order: PATH, HOSTNAME, TERM, links, the user's variables, the
 * image's, HOME. A variable that comes again replaces the earlier one in its place; one without `=` removes it.
 */
export function processEnvironment(input: EnvironmentInput): string[] {
  const { hostname, tty, home, linkEnv = [], env, imageEnv, execEnv = [] } = input
  const given = new Set(env.map(nameOf))
  const variables = new Map([
    ['PATH', `PATH=${defaultPath}`],
    ['HOSTNAME', `HOSTNAME=${hostname}`],
  ])
  if (tty) variables.set('TERM', 'TERM=xterm')
  assign(variables, linkEnv)
  assign(variables, env)
  assign(
    variables,
    imageEnv.filter((variable) => !given.has(nameOf(variable))),
  )
  assign(variables, execEnv)
  if ((variables.get('HOME') ?? 'HOME=') === 'HOME=') variables.set('HOME', `HOME=${home}`)
  return [...variables.values()]
}

const nameOf = (variable: string) => variable.split('=', 1)[0] as string

function assign(variables: Map<string, string>, env: readonly string[]): void {
  for (const variable of env) {
    if (variable.includes('=')) variables.set(nameOf(variable), variable)
    else variables.delete(variable)
  }
}
