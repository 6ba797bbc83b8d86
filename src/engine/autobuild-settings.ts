import { verifyRepository } from '../build/context/git-url.js'
import { InboardError } from '../errors/index.js'
import { parseReference } from '../reference/reference.js'
import { parseDuration } from '../spec/duration.js'
import { checkFlag, checkText, invalidOption } from '../spec/invalid.js'
import type { AutobuildOptions } from './autobuild-options.js'

/** What is watched, checked and with defaults. */
export interface AutobuildSettings extends Omit<AutobuildOptions, 'image' | 'interval' | 'push' | 'directory'> {
  /** Its URL without a user's name and password. */
  readonly source: string
  readonly directory: string
  readonly push: boolean
  /** Undefined: only when it is triggered. */
  readonly intervalMs: number | undefined
  /** Names of the image of a commit, at least one, normalised. */
  names(commit: string): readonly string[]
}

const defaultIntervalMs = 60_000
const leastIntervalMs = 100
/** What setTimeout takes. */
const mostIntervalMs = 2 ** 31 - 1

/** @throws {InvalidOptionError} INVALID_OPTION with the option; INVALID_REFERENCE for names of images */
export function autobuildSettings(options: AutobuildOptions): AutobuildSettings {
  const { git, branch, directory = '', dockerfile, push } = options
  const source = sourceOf(checkText('git', git), branch)
  for (const [option, path] of Object.entries({ directory, dockerfile })) checkPath(option, path)
  const names = (commit: string) => namesOf(options.image, commit)
  // What is wrong with them is said at once, not with the first commit.
  if (typeof options.image !== 'function') names('0'.repeat(40))
  return {
    ...options,
    source,
    directory,
    push: checkFlag('push', push),
    intervalMs: intervalOf(options.interval),
    names,
  }
}

function sourceOf(git: string, branch: string | undefined): string {
  try {
    return verifyRepository(git, branch === undefined ? undefined : checkText('branch', branch)).shown
  } catch (error) {
    if (!(error instanceof InboardError)) throw error
    throw invalidOption('git', error.message, 'give the URL of a repository, and the name of a branch', branch)
  }
}

function checkPath(option: string, path: string | undefined): void {
  if (path !== undefined && (checkText(option, path).startsWith('/') || path.split('/').includes('..')))
    throw invalidOption(option, `${path} is not within the repository`, 'give a path from its top', path)
}

function intervalOf(interval: AutobuildOptions['interval']): number | undefined {
  if (interval === false) return undefined
  if (interval === undefined) return defaultIntervalMs
  const ms = typeof interval === 'string' ? (parseDuration(interval) ?? Number.NaN) / 1e6 : interval
  if (ms >= leastIntervalMs && ms <= mostIntervalMs) return ms
  throw invalidOption(
    'interval',
    `invalid interval: ${interval}`,
    "give milliseconds, at least 100, or a text such as '5m'",
    interval,
  )
}

function namesOf(image: AutobuildOptions['image'], commit: string): readonly string[] {
  const made = typeof image === 'function' ? image(commit) : image
  const names = [made]
    .flat()
    .map((name) =>
      parseReference(
        checkText('image', name).replaceAll('{commit}', commit).replaceAll('{shortCommit}', commit.slice(0, 12)),
      ),
    )
  if (names.length === 0) throw invalidOption('image', 'the image has no name', "give one, such as 'me/app:{commit}'")
  for (const name of names)
    if (name.digest !== undefined)
      throw invalidOption(
        'image',
        'refusing to create a tag with a digest reference',
        'leave the digest out',
        `${name}`,
      )
  return [...new Set(names.map((name) => name.familiar()))]
}
