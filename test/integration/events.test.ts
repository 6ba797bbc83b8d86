import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { native } from '../../src/host/index.js'
import type { Container, Engine, EngineEvent, EventsOptions } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { supervisorIn } from '../support/processes.js'
import { settled } from '../support/settled.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
})
afterAll(async () => {
  expect(await host.leaks()).toEqual([])
  await host[Symbol.asyncDispose]()
})

const label = { story: 'events' }
const run = (command: readonly string[]) => engine.run('busybox', command).network('none').label(label)

async function list(options: EventsOptions): Promise<EngineEvent[]> {
  const events: EngineEvent[] = []
  for await (const event of engine.events({ until: new Date(Date.now() + 1), ...options })) events.push(event)
  return events
}

const actionsOf = async ({ id }: Container | { id: string }) =>
  (await list({ since: 0, filters: { container: id } })).map(({ action }) => action)

/** Events until one of this action. */
async function until(events: AsyncIterable<EngineEvent>, action: string): Promise<EngineEvent[]> {
  const seen: EngineEvent[] = []
  for await (const event of events) {
    seen.push(event)
    if (event.action === action) break
  }
  return seen
}

test('what several processes and their supervisors do is in one order, nothing lost, nothing twice', async () => {
  const here = Array.from({ length: 6 }, () => run(['true']).rm().output())
  const body = `
    const outputs = Array.from({ length: 6 }, () => engine.run('busybox', ['true']).network('none').label({ story: 'events' }).rm().output())
    return (await Promise.all(outputs)).map(({ exitCode }) => exitCode)`
  const [, others] = await Promise.all([Promise.all(here), inAnotherProcess<number[]>(host, body)])
  expect(others).toEqual([0, 0, 0, 0, 0, 0])
  const events = await list({ since: 0, filters: { label: 'story=events', type: 'container' } })
  const ids = [...new Set(events.map(({ actor }) => actor.id))]
  expect(ids.map((id) => events.filter(({ actor }) => actor.id === id).map(({ action }) => action))).toEqual(
    Array.from({ length: 12 }, () => ['create', 'attach', 'start', 'die', 'destroy']),
  )
  const all = (await list({ since: 0 })).map(({ timeNano }) => timeNano)
  expect(all.every((time, at) => at === 0 || time > (all[at - 1] as bigint))).toBe(true)
})

test('replays from a moment, then follows, also what another process does', async () => {
  const since = new Date()
  const first = await run(['sleep', '100']).name('first')
  const events = engine.events({ since, filters: { type: 'container', container: 'first' } })
  const seen = until(events, 'destroy')
  await inAnotherProcess(host, `await (await engine.containers.get('first')).remove({ force: true })`)
  expect((await seen).map(({ action }) => action)).toEqual(['create', 'start', 'kill', 'die', 'destroy'])
  expect((await seen).every(({ actor }) => actor.id === first.id)).toBe(true)
})

test('begins with the call when no moment is given', async () => {
  await run(['true']).rm().output()
  const events = engine.events()
  const container = await run(['true']).create()
  const [event] = await until(events, 'create')
  expect(event).toMatchObject({
    type: 'container',
    action: 'create',
    actor: { id: container.id, attributes: { image: 'busybox', name: container.name, story: 'events' } },
    scope: 'local',
  })
})

test('an event is its message in json', async () => {
  const container = await run(['true']).create()
  const [event] = await list({ since: 0, filters: { container: container.id } })
  const { time, timeNano, ...message } = JSON.parse(JSON.stringify(event))
  expect(message).toEqual({
    status: 'create',
    id: container.id,
    from: 'busybox',
    Type: 'container',
    Action: 'create',
    Actor: { ID: container.id, Attributes: { image: 'busybox', name: container.name, story: 'events' } },
    scope: 'local',
  })
  expect([BigInt(time), Number(event?.timeNano)]).toEqual([(event?.timeNano as bigint) / 1_000_000_000n, timeNano])
  expect(event?.time.getTime()).toBe(Number((event?.timeNano as bigint) / 1_000_000n))
})

test('takes moments as docker events does', async () => {
  const container = await run(['true']).create()
  const [created] = await list({ since: 0, filters: { container: container.id } })
  const { timeNano, time } = created as EngineEvent
  const seconds = `${timeNano / 1_000_000_000n}.${String(timeNano % 1_000_000_000n).padStart(9, '0')}`
  const filters = { container: container.id }
  for (const since of [time, time.getTime(), time.toISOString(), seconds, '10m', '1h30m'])
    expect(await list({ since, until: seconds, filters })).toHaveLength(1)
  expect(await list({ until: seconds, filters })).toHaveLength(1)
  expect(await list({ since: 0, until: '24h', filters })).toEqual([])
})

test('refuses what is no moment, and no filter', () => {
  expect(() => engine.events({ since: '1s', until: '1h' })).toThrow(
    '`since` time (1s) cannot be after `until` time (1h)',
  )
  expect(() => engine.events({ since: 'yesterday' })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  const filters = { node: 'a' } as object
  expect(() => engine.events({ filters })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('a container tells its own events', async () => {
  const container = await run(['true']).create()
  await run(['true']).rm().output()
  const own = container.events({ since: 0 })
  await container.start()
  expect((await until(own, 'die')).map(({ action }) => action)).toEqual(['create', 'start', 'die'])
})

test('ends with the reason of its signal, and with the engine', async () => {
  const stop = new AbortController()
  const stopped = engine.events({ signal: stop.signal }).next()
  stop.abort(new Error('enough'))
  await expect(stopped).rejects.toThrow('enough')
  const other = await host.reopen()
  const closed = other.events().next()
  await other.close()
  await expect(closed).rejects.toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }))
  expect(() => other.events()).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }))
})

test('listeners are told by name, by type, and of everything', async () => {
  const other = await host.reopen()
  const told: string[] = []
  const note = (name: string) => (event: EngineEvent) => void told.push(`${name}: ${event.action}`)
  const onDie = note('die')
  const ended = new Promise<void>((resolve) => void other.once('container.destroy', () => resolve()))
  other.once('container', note('first')).on('container.die', onDie).on('container.exec_create', note('exec'))
  other.on('event', note('any')).on('image', note('image'))
  const container = await run(['sleep', '100'])
  await container.exec(['true'])
  await container.remove({ force: true })
  await ended
  const isOf = (name: string) => told.filter((line) => line.startsWith(`${name}: `))
  expect(isOf('first')).toEqual(['first: create'])
  expect(isOf('die')).toEqual(['die: die'])
  expect(isOf('exec')).toHaveLength(1)
  expect(isOf('image')).toEqual([])
  expect(isOf('any').length).toBeGreaterThan(5)
  other.off('container.die', onDie)
  const again = new Promise<void>((resolve) => void other.once('container.destroy', () => resolve()))
  await run(['true']).rm().output()
  await again
  expect(isOf('die')).toEqual(['die: die'])
  await other.close()
})

test('what a listener throws is an uncaught exception, and the others are told', async () => {
  const body = `
    const alive = setInterval(() => {}, 1000)
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
    const told = new Promise((resolve) => engine.once('container.destroy', () => resolve('told')))
    engine.once('container.create', () => { throw new Error('of a listener') })
    await engine.run('busybox', ['true']).network('none').rm().output()
    const all = [(await thrown).message, await told]
    clearInterval(alive)
    return all`
  expect(await inAnotherProcess(host, body)).toEqual(['of a listener', 'told'])
})

test('listening does not keep a process alive', async () => {
  const body = `
    engine.on('event', () => {})
    process.once('beforeExit', () => {
      process.stdout.write('"ended by itself"')
      process.exit(0)
    })
    await new Promise(() => {})`
  expect(await inAnotherProcess(host, body)).toBe('ended by itself')
})

test('an end that somebody kept the journal from is told when he lets go of it', async () => {
  const container = await engine.run('busybox', ['sleep', '100']).network('none')
  const lock = openSync(`${host.directory}/root/events.lock`, 'r+')
  expect(native().flock(lock, 'exclusive', false)).toBe(true)
  await container.kill()
  await settled(async () => readdirSync(engine.runRoot).filter((name) => name === container.id))
  closeSync(lock)
  await container.remove()
  await expect.poll(() => actionsOf(container)).toEqual(['create', 'start', 'kill', 'die', 'destroy'])
})

test('a verb is told before what it makes a supervisor tell, though somebody has the journal meanwhile', async () => {
  const container = await run(['sleep', '100'])
  const lock = openSync(`${host.directory}/root/events.lock`, 'r+')
  expect(native().flock(lock, 'exclusive', false)).toBe(true)
  const killed = container.kill()
  setTimeout(() => closeSync(lock), 20)
  await killed
  expect(await actionsOf(container)).toEqual(['create', 'start', 'kill', 'die'])
})

test('a start is told after what made the container, though somebody has the journal meanwhile', async () => {
  const lock = openSync(`${host.directory}/root/events.lock`, 'r+')
  expect(native().flock(lock, 'exclusive', false)).toBe(true)
  const started = run(['sleep', '100'])
  setTimeout(() => closeSync(lock), 20)
  expect(await actionsOf(await started)).toEqual(['create', 'start'])
})

test.each([false, true])(
  'an end that its supervisor could not tell is told by who records it, rm: %s',
  async (isRemoved) => {
    const id = await inAnotherProcess<string>(
      host,
      `return (await engine.run('busybox', ['sleep', '100']).network('none').rm(${isRemoved})).id`,
    )
    const container = await engine.containers.get(id)
    const lock = openSync(`${host.directory}/root/events.lock`, 'r+')
    expect(native().flock(lock, 'exclusive', false)).toBe(true)
    const killed = container.kill()
    // Looked at while its supervisor tries to tell of it.
    const running = async () => (await engine.containers.list()).map((one) => one.id)
    await expect.poll(running, { interval: 2 }).not.toContain(id)
    await killed
    closeSync(lock)
    await settled(async () => readdirSync(engine.runRoot).filter((name) => name === id))
    const end = isRemoved ? ['die', 'destroy'] : ['die']
    await expect.poll(() => actionsOf(container)).toEqual(['create', 'start', 'kill', ...end])
  },
)

const supervisorOf = ({ id }: Container) => supervisorIn(`${engine.runRoot}/${id}`)

test('the end of a container whose supervisor was killed is told by whoever finds out, once', async () => {
  const container = await engine.run('busybox', ['sleep', '100'])
  process.kill(supervisorOf(container), 'SIGKILL')
  await container.wait()
  await (await host.reopen()).close()
  const events = await list({ since: 0 })
  const own = events.filter(({ actor }) => [actor.id, actor.attributes.container].includes(container.id))
  expect(own.map(({ action }) => action)).toEqual(['create', 'connect', 'start', 'die', 'disconnect'])
  expect(own[3]?.actor.attributes.exitCode).toBe('137')
})

test('an rm container whose supervisor was killed is destroyed after its end', async () => {
  const container = await run(['sleep', '100']).rm()
  const destroyed = until(container.events(), 'destroy')
  process.kill(supervisorOf(container), 'SIGKILL')
  await destroyed
  expect(await actionsOf(container)).toEqual(['create', 'start', 'die', 'destroy'])
})

test('a container runs while the journal cannot be written, and its events come later', async () => {
  const path = `${engine.root}/events.jsonl`
  renameSync(path, `${path}.aside`)
  mkdirSync(path)
  const container = await run(['sleep', '100'])
  rmSync(path, { recursive: true })
  renameSync(`${path}.aside`, path)
  expect(await settled(async () => ((await actionsOf(container)).includes('start') ? [] : ['not told']))).toEqual([])
  await container.kill()
  await container.wait()
  expect((await actionsOf(container)).sort()).toEqual(['create', 'die', 'kill', 'start'])
})
