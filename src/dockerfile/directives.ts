import { parseBoolean } from '../spec/boolean.js'
import { Refusal } from './failure.js'
import { type LineReader, withoutEnd } from './line-reader.js'
import type { CheckDirective, Directives } from './types.js'

type Name = 'syntax' | 'escape' | 'check'

/** Takes the directives from the top of a file; the first line that is none ends them. */
export function readDirectives(reader: LineReader): Directives {
  let directives: Directives = { escape: '\\' }
  const seen = new Set<Name>()
  for (;;) {
    const line = reader.peek()
    const comment = line === undefined ? undefined : commentOf(line)
    const [name, value = ''] = (comment === undefined ? undefined : directiveIn(comment)) ?? []
    if (name === undefined) return directives
    if (seen.has(name)) throw new Refusal(`only one ${name} parser directive can be used`)
    seen.add(name)
    directives = { ...directives, ...readValue(name, value) }
    reader.take()
  }
}

function readValue(name: Name, value: string): Partial<Directives> {
  switch (name) {
    case 'syntax':
      return { syntax: value }
    case 'escape':
      return { escape: escapeOf(value) }
    case 'check':
      return { check: parseCheck(value) }
  }
}

/** What a comment line says; undefined for all other lines. */
export function commentOf(line: string): string | undefined {
  const text = withoutEnd(line).trim()
  return text.startsWith('#') ? text.slice(1).trim() : undefined
}

/** The check directive in the comments of an instruction: for it alone. */
export function checkIn(comments: readonly string[]): CheckDirective | undefined {
  for (const comment of comments) {
    const [name, value] = directiveIn(comment) ?? []
    if (name === 'check' && value !== undefined) return parseCheck(value)
  }
  return undefined
}

function directiveIn(comment: string): [Name, string] | undefined {
  const [, name = '', value = ''] = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/.exec(comment) ?? []
  const known = name.toLowerCase()
  return known === 'syntax' || known === 'escape' || known === 'check' ? [known, value] : undefined
}

function escapeOf(token: string): Directives['escape'] {
  if (token === '\\' || token === '`') return token
  throw new Refusal(`invalid escape token '${token}' does not match \` or \\`)
}

function parseCheck(text: string): CheckDirective {
  let check: CheckDirective = { skip: [], experimental: [], error: false }
  for (const option of text.split(';')) {
    const equals = option.indexOf('=')
    const name = option.slice(0, Math.max(equals, 0)).trim()
    const value = option.slice(equals + 1).trim()
    if (equals < 0) throw new Refusal(`invalid check option ${JSON.stringify(option)}`)
    if (name === 'skip' || name === 'experimental') check = { ...check, [name]: rulesOf(value) }
    else if (name === 'error') check = { ...check, error: booleanOf(option, value) }
    else throw new Refusal(`invalid check option ${JSON.stringify(name)}`)
  }
  return check
}

function rulesOf(value: string): readonly string[] | 'all' {
  return value === 'all' ? 'all' : value.split(',').map((rule) => rule.trim())
}

function booleanOf(option: string, value: string): boolean {
  const is = parseBoolean(value)
  if (is === undefined) throw new Refusal(`failed to parse check option ${JSON.stringify(option)}`)
  return is
}
