import { checkText, invalidOption } from './invalid.js'
import type { ContainerConfig, LinkInput, RunOptions } from './options.js'

type Link = ContainerConfig['links'][number]

// Aliases become names in hosts files and of variables.
const name = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$/

/**
 * `--link`: `container[:alias]`, or as inspect shows it, `/container:/this/alias`. Without an alias, the container's name or
 * id as it was given. Of several with one alias the first counts.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseLinks(input: RunOptions['link']): Link[] {
  const links = (input ?? []).map((entry) => checkLink(typeof entry === 'string' ? linkText(entry) : linkObject(entry)))
  return links.filter(({ alias }, at) => links.findIndex((link) => link.alias === alias) === at)
}

function linkText(text: string): Link {
  if (checkText('link', text) === '')
    throw invalidOption('link', 'empty string specified for links', "write it as in 'db' or 'db:alias'", text)
  const [container = '', alias = container, ...more] = text.split(':')
  if (more.length > 0) throw badFormat(text)
  return container.startsWith('/')
    ? { container, alias: alias.slice(alias.lastIndexOf('/') + 1) }
    : { container, alias }
}

function linkObject({ container, alias = container }: LinkInput): Link {
  return { container: checkText('link', container), alias: checkText('link', alias) }
}

function checkLink({ container, alias }: Link): Link {
  const link = { container: container.replace(/^\//, ''), alias: alias.replace(/^\//, '') }
  if (name.test(link.container) && name.test(link.alias)) return link
  throw badFormat(`${container}:${alias}`)
}

function badFormat(text: string) {
  return invalidOption('link', `bad format for links: ${text}`, "write it as in 'db' or 'db:alias'", text)
}

/**
 * `--network-alias`: names on a user-defined network.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkAlias(option: string, alias: string): string {
  if (name.test(checkText(option, alias)) && alias.length <= 253) return alias
  throw invalidOption(option, `invalid network alias: ${alias}`, "use letters, digits, '_', '.' and '-'", alias)
}
