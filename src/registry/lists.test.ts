import { describe, expect, it } from 'vitest'
import { registriesFor, repositoryOf } from '../../test/support/repositories.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'

const list = /\/tags\/list/

async function withTags(pageSize: number, tags: readonly string[]) {
  const registry = await ScriptedRegistry.start({ pageSize })
  const { digest } = await registry.addImage('library/x', { tag: tags[0] as string })
  for (const tag of tags) registry.repositories.make('library/x').tags.set(tag, digest)
  return registry
}

describe('tags', () => {
  it('come page by page', async () => {
    await using registry = await withTags(2, ['a', 'b', 'c', 'd', 'e'])
    expect(await repositoryOf(registry).tags()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(registry.requests).toHaveLength(3)
  })

  it('of a repository that the registry lacks are an error that names it', async () => {
    await using registry = await ScriptedRegistry.start()
    await expect(repositoryOf(registry).tags()).rejects.toMatchObject({
      code: 'MANIFEST_NOT_FOUND',
      message: `repository ${registry.host}/library/x not found: name unknown: name unknown`,
    })
  })

  it('are none where the registry writes null', async () => {
    await using registry = await ScriptedRegistry.start({
      faults: [{ on: list, effect: { kind: 'body', body: '{"name":"library/x","tags":null}' } }],
    })
    await registry.addImage('library/x')
    expect(await repositoryOf(registry).tags()).toEqual([])
  })

  it.each([
    ['no document', 'tags'],
    ['no list', '{"tags":{"a":1}}'],
    ['no tags', '{"tags":["a","../../b"]}'],
  ])('that are %s are refused', async (_, body) => {
    await using registry = await ScriptedRegistry.start({ faults: [{ on: list, effect: { kind: 'body', body } }] })
    await registry.addImage('library/x')
    await expect(repositoryOf(registry).tags()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
  })

  it('whose pages go in a circle are refused', async () => {
    const link = '</v2/library/x/tags/list?last=a>; rel="next"'
    await using registry = await ScriptedRegistry.start({
      faults: [{ on: list, effect: { kind: 'headers', headers: { link } } }],
    })
    await registry.addImage('library/x')
    await expect(repositoryOf(registry).tags()).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('circle'),
    })
  })

  it('without end are refused', async () => {
    await using registry = await ScriptedRegistry.start({ faults: [{ on: list, effect: { kind: 'endless' } }] })
    await registry.addImage('library/x')
    await expect(repositoryOf(registry).tags()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
  })
})

describe('the catalog', () => {
  it('names all repositories', async () => {
    await using registry = await ScriptedRegistry.start({ pageSize: 1 })
    for (const name of ['library/a', 'b', 'team/c/d']) await registry.addImage(name)
    await using registries = registriesFor()
    expect(await registries.catalog(registry.host)).toEqual(['b', 'library/a', 'team/c/d'])
  })
})

const results = [
  { name: 'redis', description: 'a\u001b[31mkey-value store', star_count: 12000, is_official: true },
  { name: 'bitnami/redis', description: '', star_count: 200, is_official: false, is_automated: true },
  { name: 'me/redis', description: null, star_count: -1 },
]

describe('a search', () => {
  it('of a registry with an index gives what that says', async () => {
    await using registry = await ScriptedRegistry.start({ search: results })
    await using registries = registriesFor()
    expect(await registries.search(`${registry.host}/redis`)).toEqual([
      { name: 'redis', description: 'a [31mkey-value store', stars: 12000, official: true, automated: false },
      { name: 'bitnami/redis', description: '', stars: 200, official: false, automated: true },
      { name: 'me/redis', description: '', stars: -1, official: false, automated: false },
    ])
    expect(registry.asked()).toEqual(['GET /v1/search?q=redis&n=25'])
  })

  it.each([
    [{ stars: 200 }, ['redis', 'bitnami/redis']],
    [{ official: true }, ['redis']],
    [{ official: false, stars: 0 }, ['bitnami/redis']],
    [{ automated: true }, ['bitnami/redis']],
    [{ limit: 1 }, ['redis']],
  ])('filters by %o', async (options, names) => {
    await using registry = await ScriptedRegistry.start({ search: results })
    await using registries = registriesFor()
    const found = await registries.search(`${registry.host}/redis`, options)
    expect(found.map(({ name }) => name)).toEqual(names)
  })

  it('of a registry without an index looks through its catalog', async () => {
    await using registry = await ScriptedRegistry.start({ pageSize: 2 })
    for (const name of ['library/redis', 'nginx', 'me/redis-tools', 'me/redis']) await registry.addImage(name)
    await using registries = registriesFor()
    expect((await registries.search(`${registry.host}/redis`, { limit: 2 })).map(({ name }) => name)).toEqual([
      'library/redis',
      'me/redis',
    ])
    expect(await registries.search(`${registry.host}/redis`, { official: true })).toEqual([])
  })

  it('keeps what is special in a query', async () => {
    await using registry = await ScriptedRegistry.start({ search: [] })
    await using registries = registriesFor()
    expect(await registries.search(`${registry.host}/a b&n=1`)).toEqual([])
    expect(registry.asked()).toEqual(['GET /v1/search?q=a+b%26n%3D1&n=25'])
  })

  it.each([0, 101, -1, 1.5, Number.NaN])('for %d results is refused as Docker does', async (limit) => {
    await using registries = registriesFor()
    await expect(registries.search('redis', { limit })).rejects.toMatchObject({
      name: 'InvalidOptionError',
      message: `Limit ${limit} is outside the range of [1, 100]`,
    })
  })

  it('by a URL is refused', async () => {
    await using registries = registriesFor()
    await expect(registries.search('https://reg.local/redis')).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
  })

  it.each(['[]', '{"results":{}}', '{"results":["redis"]}', '<html>'])(
    'that is answered with %s fails',
    async (body) => {
      await using registry = await ScriptedRegistry.start({
        search: [],
        faults: [{ on: /search/, effect: { kind: 'body', body } }],
      })
      await using registries = registriesFor()
      await expect(registries.search(`${registry.host}/redis`)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
    },
  )
})
