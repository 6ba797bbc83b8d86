import { DigestMismatchError } from '../../errors/index.js'
import { type GitOptions, isGitUrl, openGit, parseGitUrl } from '../context/index.js'
import type { KeyPart } from '../key.js'
import { type Copied, copiedOf } from './copied.js'

/** Whether a source of COPY or ADD is a repository: what could be a path of the context as well is one. */
export function isRepository(source: string): boolean {
  return isGitUrl(source) && !source.startsWith('github.com/')
}

export interface CheckoutOptions extends GitOptions {
  readonly keepGitDir: boolean | undefined
  readonly exclude: readonly string[]
  /** The commit that it has to be, or how that begins. */
  readonly checksum: string | undefined
}

/** What is known of a repository before it is fetched: all when a commit is named. */
export function quickCheckoutKey(url: string, keepGitDir: boolean | undefined): KeyPart {
  const { ref, directory } = parseGitUrl(url)
  const isCommit = ref !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)
  return isCommit ? { commit: ref, directory, keepGitDir: keepGitDir === true } : undefined
}

/** All files of a git repository, checked out. */
export async function checkedOut(url: string, options: CheckoutOptions): Promise<Copied> {
  const { keepGitDir, exclude, checksum } = options
  // Its ignore file is a file like others.
  const context = await openGit(url, { ...options, keepGitDirectory: keepGitDir === true, ignore: Buffer.alloc(0) })
  try {
    const commit = context.commit as string
    if (checksum !== undefined && !commit.startsWith(checksum)) throw mismatch(checksum, commit)
    const { directory } = parseGitUrl(url)
    const copied = await copiedOf(context, ['.'], { exclude })
    const key = { commit, directory, keepGitDir: keepGitDir === true }
    return { ...copied, key, dispose: () => context.close() }
  } catch (error) {
    await context.close()
    throw error
  }
}

function mismatch(expected: string, actual: string): DigestMismatchError {
  return new DigestMismatchError(`expected checksum to match ${expected}, got ${actual}`, {
    code: 'DIGEST_MISMATCH',
    details: { expected, actual },
  })
}
