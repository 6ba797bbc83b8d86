import { test as base, expectTypeOf, test } from 'vitest'
import type { Container, Network, Scope, Volume } from '../../src/index.js'
import { useContainers } from '../../src/testing/index.js'
import { containers } from '../../src/vitest/index.js'

const withContainers = base.extend(
  containers({
    db: (e) => e.run('postgres:15'),
    net: (e) => e.network(),
    data: async (e) => e.volume(),
    web: async (e, { db }: { db: Promise<Container> }) => e.run('web').env({ DB: (await db).name }),
    url: () => 'http://web/',
  }),
)

test('tests and hooks get what definitions resolve to', () => {
  withContainers('a test', ({ db, net, data, web, url, task }) => {
    expectTypeOf(db).toEqualTypeOf<Container>()
    expectTypeOf(net).toEqualTypeOf<Network>()
    expectTypeOf(data).toEqualTypeOf<Volume>()
    expectTypeOf(web).toEqualTypeOf<Container>()
    expectTypeOf(url).toEqualTypeOf<string>()
    expectTypeOf(task.name).toEqualTypeOf<string>()
  })
  // @ts-expect-error
  withContainers('another test', ({ other }) => other)
  withContainers.beforeAll(({ db }) => expectTypeOf(db).toEqualTypeOf<Container>())
  withContainers.beforeEach(({ db }) => expectTypeOf(db).toEqualTypeOf<Container>())
})

test('further fixtures see them, and theirs are seen beside them', () => {
  const more = withContainers
    .extend('answer', async ({ db }) => Number(db.id))
    .extend(containers({ cache: (e) => e.run('redis:7') }, { scope: 'file' }))
    .extend<{ port: number }>({ port: async ({ cache }, use) => use(cache.id.length) })
  more('a test', ({ db, answer, cache, port }) => {
    expectTypeOf(db).toEqualTypeOf<Container>()
    expectTypeOf(answer).toEqualTypeOf<number>()
    expectTypeOf(cache).toEqualTypeOf<Container>()
    expectTypeOf(port).toEqualTypeOf<number>()
  })
})

test('definitions get a scope', () => {
  containers({ db: (e) => expectTypeOf(e).toEqualTypeOf<Scope>() })
  // @ts-expect-error
  containers({ db: (e) => e.nothing() })
  // @ts-expect-error
  containers({}, { scope: 'suite' })
})

test('hooks of other runners give the same', () => {
  const hook = (run: () => Promise<void>) => void run
  const fixtures = useContainers({ db: (e) => e.run('redis:7') }, { before: hook, after: hook })
  expectTypeOf(fixtures.db).toEqualTypeOf<Container>()
  // @ts-expect-error
  void (() => fixtures.other)
})
