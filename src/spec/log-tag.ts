import { invalidOption } from './invalid.js'
import type { LogConfig } from './log.js'

/** What a log's attributes and tag tell of its container. */
export interface LogSubject {
  readonly id: string
  readonly name: string
  /** `sha256:...` */
  readonly imageId: string
  readonly imageName: string
  /** Its image's, and its own. */
  readonly labels: Readonly<Record<string, string>>
  /** `NAME=value`; its image's, and its own. */
  readonly env: readonly string[]
  readonly command: readonly string[]
}

const fields: Readonly<Record<string, (subject: LogSubject) => string>> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  ContainerID: ({ id }) => id,
  Name: ({ name }) => name,
  ContainerName: ({ name }) => `/${name}`,
  ImageID: ({ imageId }) => imageId.slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ContainerImageID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  ContainerImageName: ({ imageName }) => imageName,
  Command: ({ command }) => command.join(' '),
  DaemonName: () => 'docker',
}

const action = /\{\{-?\s*\.(\w+)\s*-?\}\}/g

/** Refuses a tag that names what there is not. @throws {InvalidOptionError} INVALID_OPTION */
export function checkLogTag(template: string): void {
  const unknown = [...template.matchAll(action)].find(([, field]) => !Object.hasOwn(fields, field as string))
  const rest = template.replace(action, '')
  const what = unknown
    ? `executing "log-tag" at <.${unknown[1]}>: can't evaluate field ${unknown[1]} in type *logger.Info`
    : /\{\{/.test(rest)
      ? `an action that is no field: ${rest.slice(rest.indexOf('{{'))}`
      : undefined
  if (what !== undefined)
    throw invalidOption(
      'logOpt',
      `failed to initialize logging driver: template: log-tag: ${what}`,
      `fields are ${Object.keys(fields)
        .map((name) => `{{.${name}}}`)
        .join(', ')}`,
      template,
    )
}

/**
 * What is asked for to be in every entry: labels and variables by name or pattern, and the tag; undefined when that is
 * nothing.
 */
export function logAttributes({ options }: LogConfig, subject: LogSubject): Record<string, string> | undefined {
  const variables = subject.env.map((variable): [string, string] => {
    const equals = variable.indexOf('=')
    return equals < 0 ? [variable, ''] : [variable.slice(0, equals), variable.slice(equals + 1)]
  })
  const tag = options.tag?.replace(action, (_, field: string) => fields[field]?.(subject) ?? '')
  const chosen = [
    ...choose(Object.entries(subject.labels), options.labels, options['labels-regex']),
    ...choose(variables, options.env, options['env-regex']),
    ...(tag ? [['tag', tag] as const] : []),
  ].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  return chosen.length > 0 ? Object.fromEntries(chosen) : undefined
}

function choose(
  entries: readonly (readonly [string, string])[],
  names: string | undefined,
  pattern: string | undefined,
): (readonly [string, string])[] {
  const named = new Set(names?.split(','))
  const matching = pattern === undefined ? undefined : new RegExp(pattern)
  return entries.filter(([name]) => named.has(name) || matching?.test(name))
}

/** As the plan wants it: a member of an object, with its comma, as Go's encoder writes it; '' for none. */
export function attributesMember(attributes: Record<string, string> | undefined): string {
  if (!attributes) return ''
  // Whole escapes are matched, so that the second backslash of one is not taken for the first of another.
  const escaped = JSON.stringify(attributes).replace(/\\.|[<>&\u2028\u2029]/g, (text) =>
    text.length === 1 || text === '\\b' || text === '\\f' ? unicode(text) : text,
  )
  return `"attrs":${escaped},`
}

const unicode = (text: string) =>
  `\\u${(text === '\\b' ? 8 : text === '\\f' ? 12 : text.charCodeAt(0)).toString(16).padStart(4, '0')}`
