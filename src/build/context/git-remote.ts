import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contextInvalid, contextUnavailable } from './context-errors.js'
import { runGit } from './git-program.js'
import { verifyRepository } from './git-url.js'
import { inPrivateDirectory } from './temporary.js'

export interface RemoteOptions {
  /** A directory of the engine's own. Default: the system's. */
  readonly temporaryDirectory?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The commit that a branch of a repository has now; nothing of it is fetched.
 *
 * @param branch undefined: the one that the repository's HEAD is
 * @throws {UnsupportedHostError} without git; {ContextError} CONTEXT_INVALID when there is no such branch, CONTEXT_UNAVAILABLE
 */
export async function remoteCommit(text: string, branch: string | undefined, options: RemoteOptions): Promise<string> {
  const { url, shown } = verifyRepository(text, branch)
  const name = branch === undefined ? 'HEAD' : `refs/heads/${branch}`
  const listed = await inPrivateDirectory(options.temporaryDirectory, async (directory) => {
    const home = join(directory.path, 'home')
    await mkdir(home, { mode: 0o700 })
    const run = { directory: directory.path, home, url: shown, signal: options.signal }
    const answer = await runGit(run, ['ls-remote', '--quiet', '--', url, name])
    await directory.remove()
    return answer
  })
  // A pattern also matches names that only end like it.
  const line = listed.split('\n').find((one) => one.endsWith(`\t${name}`))
  if (line === undefined)
    throw contextInvalid(`there is no branch ${branch ?? 'HEAD'} at ${shown}`, { url: shown, branch })
  const [commit = ''] = line.split('\t')
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) return commit
  throw contextUnavailable(`${shown} answered with what is no commit`, { url: shown })
}
