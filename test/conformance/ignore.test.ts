import { expect, test } from 'vitest'
import { openDirectory } from '../../src/build/context/directory-context.js'
import { temporaryDirectory } from '../../src/host/fixture.js'
import facts from './facts/ignore.json' with { type: 'json' }
import { makeContext } from './support/build-contexts.js'
import { type IgnoreCase, ignoreCases } from './support/ignore-cases.js'

type Fact = { readonly files: readonly string[]; readonly error?: undefined } | { readonly error: string }

const known = facts.facts as Readonly<Record<string, Fact>>

/** The directory of a Dockerfile that is sent though all of it is excluded: the daemon takes the file away, and leaves it. */
const left: Readonly<Record<string, readonly string[]>> = {
  'a Dockerfile in an ignored directory': ['dir/'],
  'a Dockerfile that all is ignored with': ['other/'],
}

async function copied(one: IgnoreCase): Promise<Fact> {
  const directory = temporaryDirectory('/dev/shm')
  const dockerfile = makeContext(directory, one)
  try {
    await using context = await openDirectory(directory, { dockerfile })
    const [source] = await context.expand(['.'])
    const files = await context.files(source as NonNullable<typeof source>)
    const names = files.map(({ entry, name }) => (entry.kind === 'directory' ? `${name}/` : name)).slice(1)
    return { files: names.sort() }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

test('the facts are of at least 60 ignore files', () => {
  expect(ignoreCases.length).toBeGreaterThan(60)
  expect(ignoreCases.map(({ name }) => name)).toEqual(Object.keys(known))
})

test.each(ignoreCases.filter(({ name }) => known[name]?.error === undefined))(
  'a context with $name has what Docker sends',
  async (one) => {
    const { files = [] } = known[one.name] as { files?: readonly string[] }
    const extra = left[one.name] ?? []
    expect(await copied(one)).toEqual({ files: files.filter((name) => !extra.includes(name)) })
  },
)

test.each(ignoreCases.filter(({ name }) => known[name]?.error !== undefined))(
  'a context with $name is refused in the words of Docker',
  async (one) => {
    const { error } = known[one.name] as { error: string }
    expect(await copied(one)).toEqual({ error: expect.stringContaining(error) })
  },
)
