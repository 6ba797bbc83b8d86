import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine, EngineEvent } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

interface Told {
  readonly Type: string
  readonly Action: string
  readonly ID: string
  readonly Attributes: Readonly<Record<string, string>>
  readonly status?: string
  readonly id?: string
  readonly from?: string
  readonly scope: string
}

const facts: Readonly<Record<string, readonly Told[]>> = JSON.parse(fact('events.json'))

let host: TestEngine
let engine: Engine
let archive: string
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  archive = join(host.directory, 'archive.tar')
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
})
afterAll(() => host[Symbol.asyncDispose]())

const sleeping = ['sleep', '100']
const removeNetwork = async (name: string) => (await engine.networks.get(name)).remove()
const removeVolume = async (name: string) => (await engine.volumes.get(name)).remove()
const save = (container: Container) => pipeline(container.export(), createWriteStream(archive))

/** The stories of `facts/events.mjs`. */
const stories: Readonly<Record<string, () => Promise<unknown>>> = {
  async 'run --rm with a volume and a network'() {
    await engine.networks.create('ev-net')
    await engine.volumes.create('ev-vol')
    const run = engine.run('busybox', ['true']).rm().name('ev-c').label({ tier: 'db' })
    await run.volume('ev-vol:/v').network('ev-net').output()
    await removeNetwork('ev-net')
    await removeVolume('ev-vol')
  },
  async 'run -d, renamed, killed and removed'() {
    const run = engine.run('busybox', sleeping).name('ev-c').volume('/anonymous').volume('ev-vol:/ro:ro')
    const container = await run
    await container.rename('ev-d')
    await container.kill()
    await container.wait()
    await container.remove({ volumes: true })
    await removeVolume('ev-vol')
  },
  async 'created, started, attached to, started again, removed'() {
    const container = await engine.run('busybox', ['sh', '-c', 'exit 3']).name('ev-c').network('none').create()
    await (await container.startAttached()).exit
    await container.start()
    await container.wait()
    await container.remove()
  },
  async 'a program that is not there'() {
    const run = engine.run('busybox', ['/nonexistent']).name('ev-c').volume('ev-vol:/v')
    await run.output().catch(() => {})
    await (await engine.containers.get('ev-c')).remove()
    await removeVolume('ev-vol')
  },
  'a program that is not there, with --rm': () =>
    engine
      .run('busybox', ['/nonexistent'])
      .rm()
      .name('ev-c')
      .output()
      .catch(() => {}),
  async 'networks while it runs'() {
    const first = await engine.networks.create('ev-net')
    const second = await engine.networks.create('ev-net2')
    const container = await engine.run('busybox', sleeping).name('ev-c').network('ev-net')
    await second.connect('ev-c')
    await first.disconnect('ev-c')
    await container.rename('ev-d')
    await container.stop({ timeoutMs: 0 })
    await second.disconnect('ev-d')
    await container.remove()
    await first.remove()
    await second.remove()
  },
  async 'networks while it does not run'() {
    const network = await engine.networks.create('ev-net')
    const container = await engine.run('busybox', ['true']).name('ev-c').create()
    await network.connect('ev-c')
    await network.disconnect('ev-c')
    await container.remove()
    await network.remove()
  },
  async 'restarted on failure'() {
    const script = ['sh', '-c', 'sleep 0.2; exit 3']
    const container = await engine.run('busybox', script).name('ev-c').restart('on-failure:1').volume('ev-vol:/v')
    await nthOf(container, 'die', 2)
    await container.wait()
    await container.remove()
    await removeVolume('ev-vol')
  },
  async 'restarted by hand'() {
    const container = await engine.run('busybox', sleeping).name('ev-c')
    await container.restart({ timeoutMs: 0 })
    await container.stop({ timeoutMs: 0 })
    await container.remove()
  },
  async 'stopped by a signal of its own'() {
    const script = ['sh', '-c', 'echo up; exec sleep 100']
    const container = await engine.run('busybox', script).name('ev-c').init().stopSignal('SIGINT')
    // Before that, init may not have a program to forward signals to.
    for await (const _ of container.logs({ follow: true })) break
    await container.kill('SIGWINCH')
    await container.stop()
    await container.remove()
  },
  async paused() {
    const container = await engine.run('busybox', sleeping).name('ev-c')
    await container.pause()
    await container.unpause()
    await container.remove({ force: true })
  },
  async 'verbs on one that runs'() {
    const container = await engine.run('busybox', sleeping).name('ev-c')
    await container.exec(['sh', '-c', 'exit 4'])
    await container.exec(['true'])
    await container.top()
    await container.update({ memory: '64m', memorySwap: '64m' })
    await save(container)
    await container.copyFrom('/etc/passwd', archive)
    await container.copyTo(archive, '/tmp/file')
    await container.commit('ev-image:1', { message: 'why' })
    await container.commit()
    await container.remove({ force: true })
    await engine.images.remove('ev-image:1')
  },
  async 'out of memory'() {
    await engine.run('busybox', ['sh', '-c', 'tail /dev/zero; true']).name('ev-c').memory('8m').output()
    await (await engine.containers.get('ev-c')).remove()
  },
  async 'a health check'() {
    const run = engine.run('busybox', sleeping).name('ev-c')
    // Nobody is checked any more when it is removed.
    const container = await run.healthcheck({ test: 'test ! -e /sick', interval: '1s', retries: 1 })
    await nthOf(container, 'health_status: healthy', 1)
    // From outside, of which nothing is told.
    writeFileSync(`/proc/${(await container.inspect()).State.Pid}/root/sick`, '')
    await nthOf(container, 'health_status: unhealthy', 1)
    await container.remove({ force: true })
  },
  async 'images come and go'() {
    const busybox = await engine.images.get('busybox')
    await busybox.tag('ev-image:1')
    await busybox.tag('ev-image:2')
    await engine.images.save(['ev-image:1', 'ev-image:2'], archive)
    for (const name of ['ev-image:1', 'ev-image:2']) await engine.images.remove(name)
    await engine.images.load(archive)
    for (const name of ['ev-image:1', 'ev-image:2']) await engine.images.remove(name)
    await engine.run('busybox', ['true']).name('ev-c').output()
    await save(await engine.containers.get('ev-c'))
    await (await engine.containers.get('ev-c')).remove()
    await engine.images.import(archive, { reference: 'ev-image:3', changes: ['LABEL tier=db'] })
    await engine.run('ev-image:3', ['true']).rm().name('ev-c').label({ own: '1' }).output()
    await (await engine.images.get('ev-image:3')).tag('ev-image:4')
    for (const name of ['ev-image:3', 'ev-image:4']) await engine.images.remove(name)
    await (await engine.images.import(archive)).remove()
    await (await engine.images.import(archive, { reference: 'ev-image:5' })).remove({ force: true })
  },
  async prunes() {
    const filters = { label: 'ev=1' }
    await engine.networks.create('ev-net', { label: { ev: '1' } })
    await engine.volumes.create('ev-vol', { labels: { ev: '1' } })
    await engine.run('busybox', ['true']).label({ ev: '1' }).name('ev-c').volume('/anonymous').create()
    await engine.containers.prune({ filters })
    await engine.networks.prune({ filters })
    await engine.volumes.prune({ filters })
    await engine.run('busybox', ['touch', '/made']).name('ev-c').output()
    const container = await engine.containers.get('ev-c')
    await container.commit(undefined, { changes: ['LABEL ev=1'] })
    await container.remove()
    await engine.images.prune({ label: 'ev=1' })
  },
  async "a network of the host, and another container's"() {
    const container = await engine.run('busybox', sleeping).name('ev-c').network('host')
    await engine.run('busybox', ['true']).rm().name('ev-d').network('container:ev-c').output()
    await container.remove({ force: true })
  },
}

async function nthOf(container: Container, action: string, count: number): Promise<void> {
  let seen = 0
  for await (const event of container.events({ since: 0 })) if (event.action === action && ++seen === count) return
}

async function all(): Promise<EngineEvent[]> {
  const list: EngineEvent[] = []
  for await (const event of engine.events({ since: 0, until: new Date(Date.now() + 1) })) list.push(event)
  return list
}

async function told(story: () => Promise<unknown>): Promise<Told[]> {
  const before = await all()
  await story()
  const text = marker()
  return (await all()).slice(before.length).map((event) => {
    const { Actor, time: _, timeNano: __, id, ...message } = event.toJSON()
    const attributes = Object.entries(Actor.Attributes).map(([key, value]) => [key, text(value)])
    const own = { ID: text(Actor.ID), Attributes: Object.fromEntries(attributes) }
    return { ...message, ...(id !== undefined && { id: text(id) }), ...own }
  })
}

/** Identifiers become marks. */
function marker() {
  const marks = new Map<string, string>()
  const mark = (id: string, kind: string) => {
    const count = [...marks.values()].filter((one) => one.startsWith(`<${kind}`)).length
    if (!marks.has(id)) marks.set(id, `<${kind} ${count + 1}>`)
    return marks.get(id) as string
  }
  return (value: string) =>
    value
      .replaceAll(/sha256:[0-9a-f]{64}/g, (id) => mark(id, 'image'))
      .replaceAll(/\b[0-9a-f]{64}\b/g, (id) => mark(id, 'id'))
}

/**
 * What is compared. Docker tells twice that a volume was made that is there, and that somebody has left a network; tells of a
 * pause for a commit, which is none here; has no order of mounts; and how often health is checked, time decides.
 */
function comparable(events: readonly Told[], name: string): Told[] {
  const isChecked = name === 'a health check'
  const seen = new Set<string>()
  const kept = events
    .map((event) => (isChecked ? withoutExecId(event) : event))
    .filter((event, index) => {
      const text = JSON.stringify(event)
      if (name !== 'paused' && /^(un)?pause$/.test(event.Action)) return false
      if (isChecked) return !seen.has(text) && seen.add(text)
      return text !== JSON.stringify(events[index - 1])
    })
  return sortedRuns(kept, ['mount', 'unmount', 'destroy'])
}

function withoutExecId(event: Told): Told {
  const { execID: _, ...attributes } = event.Attributes
  return { ...event, Attributes: attributes }
}

const subject = ({ Type, ID }: Told) => `${Type} ${ID}`

/** Neighbours of one action are in the order of what they are about. */
function sortedRuns(events: readonly Told[], actions: readonly string[]): Told[] {
  const runs: Told[][] = []
  for (const event of events) {
    const last = runs.at(-1)
    if (last?.[0]?.Action === event.Action && actions.includes(event.Action)) last.push(event)
    else runs.push([event])
  }
  return runs.flatMap((run) => run.sort((one, other) => (subject(one) < subject(other) ? -1 : 1)))
}

test.each(Object.keys(stories))('tells what Docker tells: %s', async (name) => {
  const actual = await told(stories[name] as () => Promise<unknown>)
  expect(comparable(actual, name)).toEqual(comparable(facts[name] ?? [], name))
})
