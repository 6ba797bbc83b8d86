import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, VolumeFilters } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

interface Asked {
  readonly Name?: string
  readonly Driver?: string
  readonly Labels?: Record<string, string>
  readonly DriverOpts?: Record<string, string>
}

interface Created {
  readonly asked: Asked
  readonly status: number
  readonly message?: string
  readonly volume?: Record<string, unknown>
}

interface Listed {
  readonly filters: Record<string, readonly string[]>
  readonly names?: readonly string[]
  readonly message?: string
}

const { volumes: facts } = JSON.parse(fact('volumes.json'))
const created: Record<string, Created> = facts.create
const listed: readonly Listed[] = facts.list.filters

/** What Docker could not be asked for in this way, what it says of its own directories, and what `local-volumes.test.ts` compares. */
const isOurs = ([name]: [string, Created]) => !name.startsWith('options {') && name !== 'name of 256'
const cases = Object.entries(created).filter(isOurs)

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'], { volumePluginDirectories: { sockets: [], specs: [] } })
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
})
afterAll(() => host[Symbol.asyncDispose]())

const create = ({ Name, Driver, Labels, DriverOpts }: Asked) =>
  engine.volumes.create(Name === undefined ? undefined : written(Name), {
    ...(Driver !== undefined && { driver: Driver }),
    ...(Labels && { labels: Labels }),
    ...(DriverOpts && { driverOptions: DriverOpts }),
  })

const written = (name: string) => name.replace('<255 x>', 'x'.repeat(255))

/** As the facts are written: with marks for what is different each time. */
const marked = (text: string) =>
  text
    .replaceAll(engine.root, '<ROOT>')
    .replaceAll(/[0-9a-f]{64}/g, '<ID>')
    .replaceAll('x'.repeat(255), '<255 x>')
    .replaceAll(/"CreatedAt": ?"[^"]+"/g, '"CreatedAt":"<TIME>"')

const shown = async (name: string) =>
  JSON.parse(marked(JSON.stringify(await (await engine.volumes.get(name)).inspect())))

const refusal = (error: unknown) => marked((error as Error).message)

describe('a volume that is made', () => {
  const made = cases.filter(([, { status }]) => status === 201)
  const refused = cases.filter(([, { status }]) => status !== 201)

  test.each(made.filter(([name]) => name !== 'anonymous'))('is as Docker’s: %s', async (name, { asked, volume }) => {
    if (name.startsWith('again')) await create(created.plain?.asked as Asked)
    if (name.startsWith('options again')) await create(created.options?.asked as Asked)
    expect(await shown((await create(asked)).name)).toEqual(volume)
  })

  test('without a name is as Docker’s, and has the label that newer ones give it', async () => {
    const { name } = await create({})
    const labels = { 'com.docker.volume.anonymous': '' }
    expect(await shown(name)).toEqual({ ...created.anonymous?.volume, Labels: labels })
  })

  test.each(refused)('is refused in Docker’s words: %s', async (name, { asked, message }) => {
    if (name.startsWith('again')) await create(created.plain?.asked as Asked)
    const before = await engine.volumes.list()
    const error = await create(asked).then(() => undefined, refusal)
    expect(error).toContain(message)
    expect(await engine.volumes.list()).toEqual(before)
  })
})

describe('a volume that is asked for or removed', () => {
  const idle = (name: string) => engine.run('busybox').name(name).volume('plain:/x').create()

  test.each(['nosuch', 'a', 'pla'])('is not found in Docker’s words: %s', async (name) => {
    await create({ Name: 'plain' })
    const error = await engine.volumes.get(name).then(() => undefined, refusal)
    expect(error).toBe(facts.inspect[name].message)
  })

  test('is refused in Docker’s words while containers have it, and with force as well', async () => {
    const plain = await create({ Name: 'plain' })
    await idle('one')
    await idle('two')
    for (const [name, force] of [
      ['in use by two', false],
      ['in use, forced', true],
    ] as const)
      expect(await plain.remove({ force }).then(() => undefined, refusal)).toBe(facts.remove[name].message)
  })

  test('is an error when it is missing, and none with force', async () => {
    const gone = await create({ Name: 'nosuch' })
    await gone.remove()
    expect(await gone.remove().then(() => undefined, refusal)).toBe(facts.remove.missing.message)
    await gone.remove({ force: true })
  })
})

describe('volumes are listed', () => {
  const names: readonly string[] = facts['names before filters']
  /** Where one of several values decides, and where patterns that are none match nothing, options of a kind of their own are given. */
  const isAskable = ({ filters }: Listed) =>
    (filters.dangling ?? ['true']).length === 1 && filters.name?.[0] !== '[' && filters.dangling?.[0] !== '1'

  beforeEach(async () => {
    const named = names.filter((name) => name !== '<ID>' && name !== 'labelled' && name !== 'tmpfs')
    for (const name of named) await create({ Name: name })
    for (const name of ['labels', 'options']) await create(created[name]?.asked as Asked)
    await engine.run('busybox').volume('plain:/x').create()
  })

  test.each(listed.filter(isAskable))('by filters as Docker’s: $filters', async ({ filters, names, message }) => {
    const options = { filters: asOptions(filters) }
    const found = await engine.volumes.list(options).then((list) => list.map(({ name }) => marked(name)), refusal)
    expect(found).toEqual(names?.filter((name) => name !== '<ID>') ?? expect.stringContaining(message as string))
  })

  const asOptions = ({ dangling, ...filters }: Listed['filters']): VolumeFilters => ({
    ...filters,
    ...(dangling && { dangling: ({ true: true, false: false }[String(dangling[0])] ?? dangling[0]) as boolean }),
  })
})

describe('volumes are pruned', () => {
  test('those that Docker takes, by label', async () => {
    await create(created.labels?.asked as Asked)
    await create(created.options?.asked as Asked)
    await create({ Name: 'p1', Labels: { k: 'p1' } })
    await create({ Name: 'p2', Labels: { k: 'p2' } })
    const taken = async (filters: object) => (await engine.volumes.prune({ all: true, filters })).deleted
    expect(await taken({ label: 'nosuch' })).toEqual([])
    expect(await taken({ label: 'a' })).toEqual(['labelled'])
    expect(await taken({ withoutLabel: 'k=p1' })).toEqual(['p2'])
    expect(await taken({})).toEqual(['p1'])
    expect((await engine.volumes.list()).map(({ name }) => name)).toEqual(['tmpfs'])
  })

  test.each(['nosuch', 'dangling', 'until'])('by no other filter: %s', async (name) => {
    const { message } = facts.prune.find(({ filters }: Partial<Listed>) => filters && name in filters)
    const error = await engine.volumes.prune({ filters: { [name]: 'x' } }).then(() => undefined, refusal)
    expect(error).toContain(message)
  })
})
