import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  parseCacheIndex,
  parseCacheManifest,
  writeCacheIndex,
  writeCacheManifest,
} from '../../src/build/cache/index.js'
import { type Digest, digestOf } from '../../src/content/digest.js'
import { failpoints } from '../../src/errors/failpoint.js'
import type { BuildEvent, Image } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'

let registry: TestRegistry
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())

/** Two engines with roots of their own: what one has built the other knows only from a cache. */
let one: TestEngine
let two: TestEngine
let directory: string
beforeEach(async () => {
  one = await testEngine()
  two = await testEngine()
  directory = mkdtempSync('/tmp/ib-cache-')
}, 60_000)
afterEach(async () => {
  failpoints.clear()
  for (const { leaks } of [one, two]) expect(await leaks()).toEqual([])
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
}, 60_000)

/** Every step that is done anew comes to something else. */
const random = 'cat /proc/sys/kernel/random/uuid'
const dockerfile = `FROM busybox AS tools
RUN ${random} > /tool
FROM busybox
RUN ${random} > /first
COPY --from=tools /tool /tool
RUN ${random} > /second
LABEL done=yes
`

interface Built {
  readonly image: Image
  /** What was done, or found, of the instructions that make files. */
  readonly steps: readonly string[]
  readonly warnings: readonly string[]
}

type Options = Parameters<TestEngine['engine']['build']>[1] & { readonly output?: never; readonly platform?: never }

async function build({ engine }: TestEngine, options: Options = {}): Promise<Built> {
  const building = engine.build(undefined, { dockerfile, tag: ['built'], ...options })
  const events: BuildEvent[] = []
  for await (const event of building) events.push(event)
  const steps = events.flatMap((event) =>
    event.kind === 'step' && event.status !== 'started' ? [`${event.step.name}: ${event.status}`] : [],
  )
  const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.finding.message] : []))
  return { image: (await building) as Image, steps: steps.filter((step) => /RUN|COPY/.test(step)), warnings }
}

const statuses = ({ steps }: Built) => steps.map((step) => step.split(': ').at(-1)).sort()
const done = ['done', 'done', 'done', 'done']
const cached = ['cached', 'cached', 'cached', 'cached']
const filesOf = async ({ engine }: TestEngine) =>
  (await engine.run('built', ['cat', '/tool', '/first', '/second']).rm().output()).stdout

describe('the cache of a root', () => {
  it('is that of all processes', async () => {
    const first = await build(one)
    expect(statuses(first)).toEqual(done)
    const other = await one.reopen()
    const second = await build({ ...one, engine: other })
    expect(statuses(second)).toEqual(cached)
    expect(second.image.id).toBe(first.image.id)
  })

  it('has every step done once by builds at the same time', async () => {
    const other = await one.reopen()
    const [first, second] = await Promise.all([build(one), build({ ...one, engine: other })])
    expect([...statuses(first), ...statuses(second)].filter((status) => status === 'done')).toHaveLength(4)
    expect(second.image.id).toBe(first.image.id)
  })

  it('is left by who removes the image, and used by who builds it again', async () => {
    const { image } = await build(one)
    await one.engine.images.remove('built')
    expect((await build(one)).image.id).toBe(image.id)
  })

  it('is shown, and pruned: what no image has, or all', async () => {
    await build(one)
    const before = await one.engine.diskUsage()
    expect(before.summary.buildCache).toMatchObject({ total: 4, active: 0 })
    const shared = before.buildCache.filter((record) => record.shared)
    expect(shared.map(({ description }) => description.split(' ')[0]).sort()).toEqual(['COPY', 'RUN', 'RUN'])
    const unshared = before.buildCache.find((record) => !record.shared)
    expect(await one.engine.pruneBuildCache()).toEqual({ deleted: [unshared?.id], spaceReclaimed: 37 })
    expect((await one.engine.pruneBuildCache({ all: true })).deleted).toHaveLength(3)
    expect((await one.engine.diskUsage()).buildCache).toEqual([])
    expect(await filesOf(one)).toMatch(/^(.{36}\n){3}$/)
    expect(statuses(await build(one))).toEqual(done)
  })

  it('is pruned down to a size, and by age', async () => {
    await build(one)
    await one.engine.images.remove('built')
    await build(one, { dockerfile: 'FROM busybox\nRUN head -c 1000 /dev/zero > /large', tag: [] })
    await one.engine.images.prune({ all: false })
    expect((await one.engine.pruneBuildCache({ filters: { until: '1h' } })).deleted).toEqual([])
    const { deleted, spaceReclaimed } = await one.engine.pruneBuildCache({ keepStorage: 1050 })
    expect(deleted).toHaveLength(3)
    expect(spaceReclaimed).toBe(3 * 37)
    expect(
      (await one.engine.pruneBuildCache({ keepStorage: '1KB', filters: { description: 'none' } })).deleted,
    ).toEqual([])
    expect((await one.engine.prune()).buildCache).toHaveLength(2)
  })
})

describe('a cache elsewhere', () => {
  it.each(['min', 'max'] as const)('in a directory has the steps of a build: %s', async (mode) => {
    const dest = join(directory, 'cache')
    const first = await build(one, { cacheTo: [{ type: 'local', dest, mode }] })
    const second = await build(two, { cacheFrom: [{ type: 'local', src: dest }] })
    expect(second.warnings).toEqual([])
    const expected = { min: ['cached', 'done', 'done', 'done'], max: cached }
    expect(statuses(second)).toEqual(expected[mode])
    expect(second.image.id === first.image.id).toBe(mode === 'max')
    expect(await filesOf(two)).toMatch(/^(.{36}\n){3}$/)
  })

  it('in a directory is replaced by the next, and what that does not have is removed', async () => {
    const dest = join(directory, 'cache')
    await build(one, { cacheTo: [{ type: 'local', dest, mode: 'max' }] })
    const before = readdirSync(join(dest, 'blobs/sha256'))
    await build(one, { noCache: true, cacheTo: [{ type: 'local', dest, mode: 'max' }] })
    const after = readdirSync(join(dest, 'blobs/sha256'))
    expect(after).toHaveLength(before.length)
    expect(after.filter((name) => before.includes(name))).toEqual([])
  })

  it('in a registry has the steps of a build', async () => {
    const ref = `${registry.host}/cache/app:buildcache`
    const first = await build(one, { cacheTo: [{ type: 'registry', ref, mode: 'max' }] })
    const second = await build(two, { cacheFrom: [ref] })
    expect(second.warnings).toEqual([])
    expect(statuses(second)).toEqual(cached)
    expect(second.image.id).toBe(first.image.id)
    expect(await filesOf(two)).toBe(await filesOf(one))
  })

  it('is fetched only as far as it is needed', async () => {
    const ref = `${registry.host}/cache/lazy`
    await build(one, { cacheTo: [{ type: 'registry', ref, mode: 'max' }] })
    const { steps } = await build(two, { cacheFrom: [{ type: 'registry', ref }], target: 'tools' })
    expect(steps).toEqual([expect.stringMatching(/cached$/)])
    expect(readdirSync(join(two.engine.root, 'content/sha256'))).toHaveLength(2)
  })

  it('has what a step goes on with', async () => {
    const ref = `${registry.host}/cache/more`
    await build(one, { cacheTo: [{ type: 'registry', ref, mode: 'max' }] })
    const longer = `${dockerfile}RUN --mount=type=bind,from=tools,target=/mnt cat /first /mnt/tool > /both\n`
    const { steps } = await build(two, { cacheFrom: [ref], dockerfile: longer })
    expect(steps.filter((step) => step.endsWith('done'))).toEqual([expect.stringContaining('/both')])
    expect((await two.engine.run('built', ['cat', '/both']).rm().output()).stdout).toMatch(/^(.{36}\n){2}$/)
  })

  it('in an image has the steps that have made its layers', async () => {
    const name = `${registry.host}/inline/app:1`
    const first = await build(one, { tag: [name], cacheTo: [{ type: 'inline' }] })
    await one.engine.images.push(name)
    const second = await build(two, { cacheFrom: [name], cacheTo: [{ type: 'inline' }] })
    expect(second.warnings).toEqual([])
    expect(second.steps.filter((step) => step.endsWith('cached'))).toEqual([expect.stringContaining('first')])
    const single = 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /only'
    const again = await build(one, { dockerfile: single, tag: [name], cacheTo: [{ type: 'inline' }] })
    await one.engine.images.push(name)
    const same = await build(two, { dockerfile: single, cacheFrom: [name], cacheTo: [{ type: 'inline' }] })
    expect(statuses(same)).toEqual(['cached'])
    expect(same.image.id).toBe(again.image.id)
    expect(first.image.id).not.toBe(again.image.id)
  })

  it('in an image is the same whenever its steps were done, when nothing is later than a time', async () => {
    const steps = 'FROM busybox\nRUN echo same > /same\nCOPY --from=busybox /bin/busybox /copied'
    const options = { dockerfile: steps, sourceDateEpoch: 1e9 }
    const inline = { ...options, cacheTo: [{ type: 'inline' } as const] }
    const first = await build(one, inline)
    const found = await build(one, inline)
    const anew = await build(two, { ...inline, noCache: true })
    expect([found.image.id, anew.image.id]).toEqual([first.image.id, first.image.id])
    expect((await build(two, options)).image.id).not.toBe(first.image.id)
  })

  it('that cannot be had is told, and the build goes on', async () => {
    const cacheFrom = [`${registry.host}/no/such`, { type: 'local', src: join(directory, 'none') } as const]
    const { warnings, steps } = await build(two, { cacheFrom })
    expect(warnings.toSorted()).toEqual([
      expect.stringContaining('none is not used'),
      expect.stringContaining(`the cache of ${registry.host}/no/such is not used`),
    ])
    expect(steps).toHaveLength(4)
  })

  it('of an image that says nothing of its making is told', async () => {
    const name = `${registry.host}/plain/app:1`
    await build(one, { tag: [name] })
    await one.engine.images.push(name)
    expect((await build(two, { cacheFrom: [name] })).warnings).toEqual([expect.stringContaining('cacheTo inline')])
  })

  it('is known to that build only', async () => {
    const dest = join(directory, 'cache')
    await build(one, { cacheTo: [{ type: 'local', dest, mode: 'max' }] })
    expect(statuses(await build(two, { cacheFrom: [{ type: 'local', src: dest }] }))).toEqual(cached)
    expect(statuses(await build(two))).toEqual(done)
  })
})

describe('when something fails', () => {
  const failAt = (point: string) =>
    failpoints.set(point, () => {
      throw new Error('here')
    })

  it.each(['exchange.index', 'exchange.manifest'])('at %s, the cache is the one before', async (point) => {
    const cacheTo = [
      { type: 'local', dest: join(directory, 'cache'), mode: 'max' },
      { type: 'registry', ref: `${registry.host}/cache/failing`, mode: 'max' },
    ] as const
    await build(one, { cacheTo })
    failAt(point)
    await expect(build(one, { noCache: true, cacheTo })).rejects.toThrow('here')
    failpoints.clear()
    for (const source of [{ type: 'local', src: cacheTo[0].dest } as const, cacheTo[1].ref]) {
      const { steps, warnings } = await build(two, { cacheFrom: [source], target: 'tools' })
      expect([steps.length, warnings]).toEqual([1, []])
    }
    await build(one, { cacheTo })
    expect(statuses(await build(two, { cacheFrom: [cacheTo[1].ref] }))).toEqual(cached)
  })

  it('while layers of a cache are fetched, nothing of them is left, and the next build has them', async () => {
    const dest = join(directory, 'cache')
    await build(one, { cacheTo: [{ type: 'local', dest, mode: 'max' }] })
    const cacheFrom = [{ type: 'local', src: dest }] as const
    failAt('exchange.fetched')
    await expect(build(two, { cacheFrom })).rejects.toThrow('here')
    failpoints.clear()
    expect(readdirSync(join(two.engine.root, 'content/sha256'))).toHaveLength(1)
    expect(statuses(await build(two, { cacheFrom }))).toEqual(cached)
  })
})

describe('a cache that was tampered with', () => {
  const blobs = (dest: string) => join(dest, 'blobs/sha256')
  const cache = async () => {
    const dest = join(directory, 'cache')
    await build(one, { cacheTo: [{ type: 'local', dest, mode: 'max' }] })
    return dest
  }

  it('is refused when a layer is not what its digest says', async () => {
    const dest = await cache()
    for (const name of readdirSync(blobs(dest))) {
      const path = join(blobs(dest), name)
      const bytes = readFileSync(path)
      const isLayer = bytes[0] !== '{'.charCodeAt(0)
      if (isLayer) writeFileSync(path, Buffer.concat([Buffer.from('X'), bytes.subarray(1)]))
    }
    const building = build(two, { cacheFrom: [{ type: 'local', src: dest }] })
    await expect(building).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    const names = (await two.engine.images.list()).flatMap(({ repoTags }) => repoTags)
    expect(names).toEqual(['busybox:latest'])
  })

  it('is refused when a layer is not what the cache says that it is', async () => {
    const dest = await cache()
    const read = (digest: Digest) => readFileSync(join(blobs(dest), digest.slice(7)))
    const put = (bytes: Buffer) => {
      writeFileSync(join(blobs(dest), digestOf(bytes).slice(7)), bytes)
      return { digest: digestOf(bytes), size: bytes.length }
    }
    const { digest } = parseCacheIndex(readFileSync(join(dest, 'index.json')))
    const { config, layers } = parseCacheManifest(read(digest)) as Parameters<typeof writeCacheManifest>[0]
    const swapped = writeCacheManifest({ config, layers: layers.toReversed() })
    writeFileSync(join(dest, 'index.json'), writeCacheIndex(put(swapped.bytes)))
    const building = build(two, { cacheFrom: [{ type: 'local', src: dest }] })
    await expect(building).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(statuses(await build(two))).toEqual(done)
  })

  it('is refused when a document is not what its digest says, and the build goes on without', async () => {
    const dest = await cache()
    for (const name of readdirSync(blobs(dest))) {
      const path = join(blobs(dest), name)
      const text = readFileSync(path, 'utf8')
      if (text.includes('"steps"')) writeFileSync(path, text.replace('"run"', '"add"'))
    }
    const { warnings, steps } = await build(two, { cacheFrom: [{ type: 'local', src: dest }] })
    expect(warnings).toEqual([expect.stringContaining('is not used')])
    expect(steps.every((step) => step.endsWith('done'))).toBe(true)
  })
})
