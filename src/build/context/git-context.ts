import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ContextError } from '../../errors/index.js'
import type { BuildContext } from './build-context.js'
import { checkedOutDirectory } from './checkout.js'
import { openWith } from './directory-context.js'
import { type GitRun, runGit } from './git-program.js'
import { type GitSource, parseGitUrl, withoutUser } from './git-url.js'
import type { UnpackedOptions } from './stream-context.js'
import { inPrivateDirectory } from './temporary.js'

export interface GitOptions extends UnpackedOptions {
  /** Whether `.git` stays. Default false. */
  readonly keepGitDirectory?: boolean | undefined
}

/** Also those of submodules, which are files that lead into the first. */
const gitFiles = ['**/.git']

/**
 * A git repository, checked out with its submodules, as shallow as its server allows.
 *
 * @param text `URL#ref:directory`
 * @throws {UnsupportedHostError} without git; {ContextError} CONTEXT_INVALID, CONTEXT_UNAVAILABLE
 * @see https://docs.docker.com/build/concepts/context/#git-repositories
 */
export async function openGit(text: string, options: GitOptions = {}): Promise<BuildContext> {
  const source = parseGitUrl(text)
  return inPrivateDirectory(options.temporaryDirectory, async (directory) => {
    const [checkout, home] = ['checkout', 'home'].map((name) => join(directory.path, name)) as [string, string]
    await Promise.all([checkout, home].map((path) => mkdir(path, { mode: 0o755 })))
    const git: GitRun = { directory: checkout, home, url: withoutUser(source.url), signal: options.signal }
    const commit = await checkOut(git, source)
    const path = await checkedOutDirectory(checkout, source.directory)
    const place = { path, dispose: () => directory.remove() }
    const hidden = options.keepGitDirectory === true ? [] : gitFiles
    return openWith(place, options, { ignore: 'filters', hidden, owner: { uid: 0, gid: 0 }, commit })
  })
}

/** @returns the commit */
async function checkOut(git: GitRun, { url, ref }: GitSource): Promise<string> {
  await runGit(git, ['init', '--quiet'])
  await runGit(git, ['remote', 'add', '--', 'origin', url])
  const commit = await fetchCommit(git, ref)
  await runGit(git, ['checkout', '--quiet', '--detach', commit, '--'])
  await runGit(git, ['submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1'])
  return commit
}

const isCommit = (ref: string | undefined) => ref !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)

/** A commit that the server does not give by itself, or is abbreviated, is looked for in all that it has. */
async function fetchCommit(git: GitRun, ref: string | undefined): Promise<string> {
  try {
    await fetchShallow(git, ref ?? 'HEAD')
    return (await runGit(git, ['rev-parse', '--verify', '--end-of-options', 'FETCH_HEAD^{commit}'])).trim()
  } catch (error) {
    git.signal?.throwIfAborted()
    if (ref === undefined || !(isCommit(ref) || /^[0-9a-f]{7,63}$/.test(ref))) throw error
  }
  await runGit(git, ['fetch', '--quiet', '--tags', '--', 'origin', '+refs/heads/*:refs/remotes/origin/*'])
  return (await runGit(git, ['rev-parse', '--verify', '--end-of-options', `${ref}^{commit}`])).trim()
}

/** A server of plain files gives all or nothing. */
async function fetchShallow(git: GitRun, ref: string): Promise<void> {
  const fetch = ['fetch', '--quiet', '--no-tags']
  try {
    await runGit(git, [...fetch, '--depth=1', '--', 'origin', ref])
  } catch (error) {
    if (!(error instanceof ContextError) || !/shallow/.test(String(error.details.output))) throw error
    await runGit(git, [...fetch, '--', 'origin', ref])
  }
}
