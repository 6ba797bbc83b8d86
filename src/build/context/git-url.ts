import { contextInvalid } from './context-errors.js'

/** A git repository as `docker build` and ADD name it. */
export interface GitSource {
  /** What git fetches from: never an option, nor a transport that runs programs. */
  readonly url: string
  /** A branch, tag or commit; undefined: what the repository's HEAD is. */
  readonly ref: string | undefined
  /** From the checkout's root; empty: all of it. */
  readonly directory: string
}

const transports = /^(?:https?|git|ssh):\/\//
const scp = /^[A-Za-z0-9_.][\w.-]*@[A-Za-z0-9][\w.-]*:[^:]/

/** Whether a context's name is that of a git repository. An http URL is when its path ends with `.git`. */
export function isGitUrl(text: string): boolean {
  if (/^https?:\/\//.test(text)) return /\.git(?:#.+)?$/.test(text)
  return /^(?:git:\/\/|ssh:\/\/|github\.com\/|git@)/.test(text)
}

/**
 * Takes `URL#ref:directory` apart.
 *
 * @throws {ContextError} CONTEXT_INVALID for what could be an option of git's, or another transport than http, git and ssh
 */
export function parseGitUrl(text: string): GitSource {
  const hash = text.indexOf('#')
  const named = hash < 0 ? text : text.slice(0, hash)
  const fragment = hash < 0 ? '' : text.slice(hash + 1)
  const colon = fragment.indexOf(':')
  const ref = colon < 0 ? fragment : fragment.slice(0, colon)
  const directory = colon < 0 ? '' : fragment.slice(colon + 1)
  const url = transports.test(named) || scp.test(named) ? named : `https://${named}`
  if (!scp.test(url)) verifyUrl(url, named)
  if (/^-|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{/.test(ref)) throw contextInvalid(`invalid refspec: ${JSON.stringify(ref)}`)
  return { url, ref: ref === '' ? undefined : ref, directory }
}

/**
 * A repository and a branch, named apart from each other.
 *
 * @throws {ContextError} CONTEXT_INVALID for what is no URL of a repository, or no name of a branch
 */
export function verifyRepository(text: string, branch: string | undefined): { url: string; shown: string } {
  if (text.includes('#'))
    throw contextInvalid('a repository is named without #: the branch and the directory are options')
  if (/^[./]/.test(text)) throw contextInvalid(`${text} is a path: a repository is had by http, https, git or ssh`)
  if (branch === '' || branch?.includes(':')) throw contextInvalid(`invalid branch: ${JSON.stringify(branch)}`)
  const { url } = parseGitUrl(branch === undefined ? text : `${text}#${branch}`)
  return { url, shown: withoutUser(url) }
}

function verifyUrl(url: string, named: string): void {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  // ssh takes a host that begins so for an option.
  if (host === '' || host.startsWith('-') || /[\0-\x20]/.test(url))
    throw contextInvalid(`${JSON.stringify(withoutUser(named))} is no URL of a git repository`)
}

/** For messages: a URL may have a token in it. */
export function withoutUser(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/, '')
}
