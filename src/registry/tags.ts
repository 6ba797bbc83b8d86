import { failure } from './failures.js'
import { pages } from './pages.js'
import { askToPull, type RepositoryContext } from './repository-request.js'
import type { RequestOptions } from './types.js'

const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

/** All tags of a repository, each once. */
export async function listTags(repository: RepositoryContext, { signal }: RequestOptions): Promise<string[]> {
  const { familiar, path, tuning } = repository
  const tags = new Set<string>()
  const list = pages({
    path: `/v2/${path}/tags/list`,
    key: 'tags',
    what: `the list of tags of ${familiar}`,
    isItem: (tag) => tagPattern.test(tag),
    ask: (path) => askToPull(repository, { method: 'GET', path, signal }),
    async accept(response) {
      if (response.status !== 200) throw await failure(response, familiar)
    },
    tuning,
    signal,
  })
  for await (const page of list) for (const tag of page) tags.add(tag)
  return [...tags]
}
