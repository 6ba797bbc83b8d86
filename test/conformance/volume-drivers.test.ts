import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Engine, RunBuilder } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

/** What Docker said of volumes of a plugin, `facts`, that says the same as this one. */
const { drivers: facts } = JSON.parse(fact('volumes.json'))

let host: TestEngine
let engine: Engine
let plugin: Server
/** `<HOST>` of the facts. */
let directory: string
const volumes = new Set<string>()

function answer(method: string, { Name = '' }: { Name?: string }): object {
  const volume = (name: string) => ({ Name: name, Mountpoint: `${directory}/dir`, Status: { a: 1 } })
  switch (method) {
    case 'Activate':
      return { Implements: ['VolumeDriver'] }
    case 'Capabilities':
      return { Capabilities: { Scope: 'global' } }
    case 'Create':
      if (Name.startsWith('fail')) return { Err: 'no room for it' }
      volumes.add(Name)
      return {}
    case 'Remove':
      if (Name.startsWith('stay')) return { Err: 'will not go' }
      return volumes.delete(Name) ? {} : { Err: 'no such volume' }
    case 'Mount':
      return Name.startsWith('nomount') ? { Err: 'cannot mount' } : { Mountpoint: `${directory}/dir` }
    case 'Get':
      return volumes.has(Name) ? { Volume: volume(Name) } : { Err: 'no such volume' }
    case 'List':
      return { Volumes: [...volumes].map(volume) }
    default:
      return {}
  }
}

beforeAll(async () => {
  directory = await mkdtemp('/tmp/ib-facts-')
  mkdirSync(join(directory, 'dir'))
  plugin = createServer(async (request, response) => {
    const asked = await text(request)
    response.end(
      JSON.stringify(answer((request.url ?? '').replace(/^.*\./, ''), asked === '' ? {} : JSON.parse(asked))),
    )
  })
  await once(plugin.listen(join(directory, 'facts.sock')), 'listening')
  host = await testEngine(['busybox'], { volumePluginDirectories: { sockets: [directory], specs: [] } })
  engine = host.engine
})
afterEach(async () => {
  for (const name of volumes) if (name.startsWith('stay')) volumes.delete(name)
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
  expect([...volumes]).toEqual([])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  plugin.close()
  await rm(directory, { recursive: true })
})

const marked = (text: string) =>
  text
    .replaceAll(engine.root, '<ROOT>')
    .replaceAll(directory, '<HOST>')
    .replaceAll(/[0-9a-f]{64}/g, '<ID>')
    .replaceAll(/"CreatedAt": ?"[^"]+"/g, '"CreatedAt":"<TIME>"')
const shown = (document: unknown) => JSON.parse(marked(JSON.stringify(document)))
const inspected = async (name: string) => shown(await (await engine.volumes.get(name)).inspect())
const refusal = (work: PromiseLike<unknown>) =>
  work.then(
    () => undefined,
    (error: Error) => marked(error.message),
  )
const busybox = () => engine.run('busybox', ['sleep', '1000'])
const pv = () => engine.volumes.create('pv').driver('facts').opt({ k: 'v' }).label({ l: '1' }).then()

type Mounts = readonly { readonly Destination: string }[]
const byPlace = (mounts: Mounts) => [...mounts].sort((one, other) => (one.Destination < other.Destination ? -1 : 1))
const mountsOf = async (run: RunBuilder) => byPlace(shown((await (await run.create()).inspect()).Mounts))

test('a volume is as Docker’s, and stays so when it is created again without a driver', async () => {
  await pv()
  expect(await inspected('pv')).toEqual(facts.get)
  await engine.volumes.create('pv')
  // What Docker answers to a creation has no Status: it does not ask for it.
  const { Status, ...created } = await inspected('pv')
  expect([created, Status]).toEqual([facts['again, no driver'].volume, facts.get.Status])
})

test('a name that another driver has is refused in Docker’s words', async () => {
  await pv()
  await engine.volumes.create('lv')
  const volumeOptions = { driver: 'facts' }
  const works: [string, PromiseLike<unknown>][] = [
    ['again, other driver', engine.volumes.create('pv').driver('local')],
    ['a local one again, other driver', engine.volumes.create('lv').driver('facts')],
    [
      'mount of a local one, other driver',
      busybox().mount({ type: 'volume', source: 'lv', target: '/x', volumeOptions }).create(),
    ],
    ['-v of a local one, volumeDriver', busybox().volume('lv:/x').volumeDriver('facts').create()],
  ]
  for (const [name, work] of works) expect(await refusal(work)).toContain(facts[name].message)
})

test.each(['odd name', 'one letter', 'name ..'])(
  'Docker leaves names to plugins, while here all have those of local ones: %s',
  async (name) => {
    const { status, asked } = facts[name]
    expect(status).toBe(201)
    expect(await refusal(engine.volumes.create(asked.Name).driver('facts'))).toContain('volume name')
  },
)

test('what a plugin refuses comes in Docker’s words, with force too, and leaves things as they were', async () => {
  expect(await refusal(engine.volumes.create('fail1').driver('facts'))).toContain(facts['create fails'].message)
  const run = busybox().volume('fail2:/x').volumeDriver('facts')
  expect(await refusal(run.create())).toContain(facts['create fails at create of a container'].message)
  expect(await engine.volumes.list()).toEqual([])
  expect(await engine.containers.list({ all: true })).toEqual([])

  const stay = await engine.volumes.create('stay1').driver('facts')
  expect(await refusal(stay.remove())).toContain(facts['remove fails'].message)
  expect(await refusal(stay.remove({ force: true }))).toContain(facts['remove fails, forced'].message)
  expect((await engine.volumes.list()).map(({ name }) => name)).toEqual(['stay1'])
})

test.each<[string, (run: RunBuilder) => RunBuilder]>([
  [
    'container: volumeDriver',
    // What an image declares is asked for as `-v /an` here.
    (run) => run.volumeDriver('facts').volume('nv:/x').volume('nvro:/r:ro').volume('/an'),
  ],
  [
    'container: volumeDriver and a mount',
    (run) =>
      run
        .volumeDriver('facts')
        .mount({ type: 'volume', source: 'mv', target: '/x' })
        .mount({ type: 'volume', target: '/y' }),
  ],
  [
    'container: mount with a driver',
    (run) => {
      const volumeOptions = { driver: 'facts', driverOptions: { a: 'b' } }
      return run.mount({ type: 'volume', source: 'mv2', target: '/x', volumeOptions })
    },
  ],
])('what a container has mounted is told as by Docker: %s', async (name, mounting) => {
  expect(await mountsOf(mounting(busybox()))).toEqual(byPlace(facts[name].Mounts))
})

test('the path of a volume that was there is told while it is mounted; Docker tells what the plugin last said', async () => {
  await pv()
  const container = await busybox().volume('pv:/x').create()
  const [mount] = facts['container: -v of one that is there'].Mounts
  expect(shown((await container.inspect()).Mounts)).toEqual([{ ...mount, Source: '' }])
  await container.start()
  expect(shown((await container.inspect()).Mounts)).toEqual([mount])
})

test('what cannot be mounted can be in a container, which cannot be started then', async () => {
  const container = await busybox().volume('nomount1:/x').volumeDriver('facts').create()
  expect(facts['mount fails at create'].status).toBe(201)
  // Docker names the path, which there is not yet; here it is the volume.
  const message = facts['mount fails at start'].message.replace("''", "'nomount1'")
  expect(await refusal(container.start())).toContain(message)
})

test.each([
  ['unknown volumeDriver', 'aa:/x'],
  ['unknown volumeDriver, anonymous', '/x'],
])('a driver that there is not is refused in Docker’s words: %s', async (name, volume) => {
  expect(await refusal(busybox().volume(volume).volumeDriver('nosuch').create())).toContain(facts[name].message)
  expect(await engine.volumes.list()).toEqual([])
})

test('volumes are listed by driver as by Docker', async () => {
  await pv()
  for (const name of ['stay1', 'nomount1', 'nv', 'nvro', 'mv2']) await engine.volumes.create(name).driver('facts')
  await engine.volumes.create().driver('facts')
  await engine.volumes.create('local')
  const listed = await engine.volumes.list({ filters: { driver: 'facts' } })
  const possible = (name: string) => name === '<ID>' || /^[a-z][a-z0-9]+$/.test(name)
  expect(listed.map(({ name }) => marked(name)).sort()).toEqual(facts['ls by driver'].filter(possible))
})
