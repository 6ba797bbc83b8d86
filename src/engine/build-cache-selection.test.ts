import { describe, expect, it } from 'vitest'
import { type BuildCacheEntry, sizeOfCache } from './build-cache.js'
import { type CacheSelection, selectForPrune } from './build-cache-selection.js'

const entry = (id: string, used: number, options: Partial<BuildCacheEntry> = {}): BuildCacheEntry => ({
  id,
  type: 'regular',
  description: `RUN ${id}`,
  size: 10,
  inUse: false,
  shared: false,
  createdAt: new Date(0),
  lastUsedAt: new Date(used),
  usageCount: 0,
  chain: [id],
  ...options,
})
const select = (entries: readonly BuildCacheEntry[], options: Partial<CacheSelection> = {}) =>
  selectForPrune(entries, { all: false, keepStorage: undefined, fits: () => true, ...options }).map(({ id }) => id)

describe('what a prune of the build cache removes', () => {
  it('is what no image has and no build uses; with all, also what images have', () => {
    const entries = [entry('free', 1), entry('shared', 2, { shared: true }), entry('used', 3, { inUse: true })]
    expect(select(entries)).toEqual(['free'])
    expect(select(entries, { all: true })).toEqual(['free', 'shared'])
  })

  it('is only what fits', () => {
    const entries = [entry('a', 1), entry('b', 2)]
    expect(select(entries, { fits: ({ id }) => id === 'b' })).toEqual(['b'])
  })

  it('is what was used longest ago, until the rest is no more than may stay', () => {
    const entries = [entry('c', 3), entry('a', 1), entry('b', 2)]
    expect(select(entries, { keepStorage: 20 })).toEqual(['a'])
    expect(select(entries, { keepStorage: 19 })).toEqual(['a', 'b'])
    expect(select(entries, { keepStorage: 30 })).toEqual([])
    expect(select(entries, { keepStorage: 0 })).toEqual(['a', 'b', 'c'])
  })

  it('are the steps on top before those that they are on', () => {
    const lower = entry('lower', 1)
    const upper = entry('upper', 5, { chain: ['lower', 'upper'] })
    const beside = entry('beside', 3)
    expect(select([lower, upper, beside], { keepStorage: 20 })).toEqual(['beside'])
    expect(select([lower, upper, beside], { keepStorage: 10 })).toEqual(['beside', 'upper'])
  })

  it('counts a layer once that several steps have, and none that an image has', () => {
    const entries = [
      entry('one', 1, { chain: ['same'] }),
      entry('two', 2, { chain: ['same'] }),
      entry('shared', 3, { shared: true }),
    ]
    expect(sizeOfCache(entries)).toBe(10)
    expect(select(entries, { keepStorage: 10 })).toEqual([])
    expect(select(entries, { keepStorage: 9 })).toEqual(['one', 'two'])
  })
})
