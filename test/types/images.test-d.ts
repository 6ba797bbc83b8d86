import { expectTypeOf, test } from 'vitest'
import type {
  DiskUsage,
  Engine,
  Image,
  ImageHistoryEntry,
  ImageInspect,
  ImageSummary,
  PrunedImages,
  RemovedItem,
  SearchResult,
} from '../../src/index.js'

declare const engine: Engine
declare const image: Image

test('an image tells of itself in Docker’s fields', () => {
  expectTypeOf(image.inspect()).resolves.toEqualTypeOf<ImageInspect>()
  expectTypeOf<ImageInspect['RepoDigests']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<ImageInspect['Metadata']['LastTagTime']>().toEqualTypeOf<string>()
  expectTypeOf(image.history()).resolves.toEqualTypeOf<readonly ImageHistoryEntry[]>()
})

test('a list has lines, and filters by what Docker filters', () => {
  expectTypeOf(
    engine.images.list({ all: true, filters: { dangling: true, label: ['a', 'b=c'], before: 'x', until: new Date() } }),
  ).resolves.toEqualTypeOf<readonly ImageSummary[]>()
  // @ts-expect-error
  engine.images.list({ filters: { danglign: true } })
})

test('a removal tells either what was untagged or what was deleted', () => {
  expectTypeOf(image.remove({ force: true, noPrune: true })).resolves.toEqualTypeOf<readonly RemovedItem[]>()
  expectTypeOf<Extract<RemovedItem, { deleted: string }>['deleted']>().toEqualTypeOf<string>()
  // @ts-expect-error
  image.remove({ volumes: true })
})

test('what a root takes, and what is won back, are numbers of bytes', () => {
  expectTypeOf(engine.diskUsage()).resolves.toEqualTypeOf<DiskUsage>()
  expectTypeOf<DiskUsage['containers'][number]['sizeRw']>().toEqualTypeOf<number>()
  expectTypeOf(engine.images.prune({ all: true, until: '24h' })).resolves.toEqualTypeOf<PrunedImages>()
})

test('what registries are asked is typed', () => {
  expectTypeOf(engine.images.search('redis', { limit: 5, official: true })).resolves.toEqualTypeOf<
    readonly SearchResult[]
  >()
  expectTypeOf(engine.images.catalog('localhost:5000')).resolves.toEqualTypeOf<readonly string[]>()
  expectTypeOf(engine.images.tags('me/app', { auth: { username: 'u', password: 'p' } })).resolves.toEqualTypeOf<
    readonly string[]
  >()
})
