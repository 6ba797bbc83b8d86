import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine(['busybox', 'redis'])
  engine = host.engine
})

afterEach(async () => {
  for (const id of await ids()) await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  expect(await host.leaks()).toEqual([])
})

afterAll(() => host[Symbol.asyncDispose]())

const ids = async () => (await engine.containers.list({ all: true })).map(({ id }) => id)
const sleeping = () => engine.run('busybox', ['sleep', '1000']).reuse('key')
const roots = () => ({ root: `${host.directory}/root`, runRoot: `${host.directory}/run` })
const statusOf = async (container: Container) => (await container.inspect()).State.Status

/** Asks for it as another process does. */
const elsewhere = () =>
  inAnotherProcess<string>(host, "return (await engine.run('busybox', ['sleep', '1000']).reuse('key')).id")

test('of eight processes at once one makes it, and all get it', async () => {
  const found = await Promise.all(Array.from({ length: 8 }, elsewhere))
  expect(new Set(found)).toEqual(new Set(await ids()))
  expect(await elsewhere()).toBe(found[0])
  expect(await statusOf(await sleeping())).toBe('running')
})

test('of several at once in one process one makes it', async () => {
  const found = await Promise.all(Array.from({ length: 5 }, sleeping))
  expect(new Set(found.map(({ id }) => id))).toEqual(new Set(await ids()))
})

test('another key is another container', async () => {
  const { id } = await sleeping()
  expect((await sleeping().reuse('other')).id).not.toBe(id)
})

test('is found by its labels', async () => {
  const { id } = await sleeping().label({ stage: 'ci' })
  const [found] = await engine.containers.list({ filters: { label: 'inboard.reuse=key' } })
  expect(found).toMatchObject({
    id,
    labels: { stage: 'ci', 'inboard.reuse.hash': expect.stringMatching(/^[0-9a-f]{64}$/) },
  })
})

test('is not taken for one that only has the labels', async () => {
  const first = await sleeping()
  const { labels } = (await engine.containers.list())[0] ?? {}
  await first.remove({ force: true })
  const pretender = await engine.run('busybox', ['sleep', '1000']).label(labels ?? {})
  expect((await sleeping()).id).not.toBe(pretender.id)
  expect(await statusOf(pretender)).toBe('running')
})

describe('is replaced', () => {
  test('when its options have changed, together with its anonymous volumes', async () => {
    const before = await sleeping().volume('/data').name('kept')
    const after = await sleeping().volume('/data').name('kept').env({ LEVEL: '2' })
    expect(after.id).not.toBe(before.id)
    expect(await ids()).toEqual([after.id])
    expect(await engine.volumes.list()).toHaveLength(1)
  })

  test('when its image has, under the same name', async () => {
    await (await engine.images.get('busybox')).tag('app:1')
    const app = () => engine.run('app:1', ['sleep', '1000']).reuse('key')
    const before = await app()
    expect((await app()).id).toBe(before.id)
    await (await engine.images.get('redis:7')).tag('app:1')
    const after = await app()
    expect(await ids()).toEqual([after.id])
    expect((await after.inspect()).Image).toBe((await engine.images.get('redis:7')).id)
  })

  test('when its network was made again', async () => {
    const network = await engine.networks.create('net')
    const before = await sleeping().network('net')
    expect((await sleeping().network('net')).id).toBe(before.id)
    await before.stop({ timeoutMs: 0 })
    await network.remove()
    const again = await engine.networks.create('net')
    const after = await sleeping().network('net')
    expect(await ids()).toEqual([after.id])
    await after.remove({ force: true })
    await again.remove()
  })

  test('when it could not be started', async () => {
    const failing = () => engine.run('busybox', ['no-such-program']).reuse('key')
    await expect(failing()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    const [before] = await ids()
    await expect(failing()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    expect(await ids()).toEqual([expect.not.stringMatching(`^${before}$`)])
  })

  test('when somebody has removed it', async () => {
    const before = await sleeping()
    await before.remove({ force: true })
    const after = await sleeping()
    expect(await ids()).toEqual([after.id])
  })

  test('while somebody removes it', async () => {
    for (let at = 0; at < 30; at++) {
      const before = await sleeping()
      const removal = before.remove({ force: true }).catch(() => {})
      await delay(at / 2)
      const after = await sleeping()
      await removal
      const last = await sleeping()
      // Who comes before the removal is seen gets what is removed.
      if (after.id !== before.id) expect(last.id).toBe(after.id)
      expect(await ids()).toEqual([last.id])
      expect(await statusOf(last)).toBe('running')
    }
  })
})

describe('runs again', () => {
  test('after it has exited, with what it had', async () => {
    const before = await sleeping()
    await before.exec(['touch', '/kept'])
    await before.stop({ timeoutMs: 0 })
    expect(await elsewhere()).toBe(before.id)
    expect((await before.exec(['ls', '/kept'])).stdout).toBe('/kept\n')
  })

  test('after it was paused', async () => {
    const before = await sleeping()
    await before.pause()
    expect((await sleeping()).id).toBe(before.id)
    expect(await statusOf(before)).toBe('running')
  })

  test('when it waits to be started again', async () => {
    const failing = () => engine.run('busybox', ['sh', '-c', 'sleep 0.2; exit 1']).restart('always').reuse('key')
    const { id } = await failing()
    await expect.poll(async () => statusOf(await engine.containers.get(id))).toBe('restarting')
    expect((await failing()).id).toBe(id)
  })
})

describe('of a container that takes its time', () => {
  const slow = "engine.run('busybox', ['sh', '-c', 'sleep 1; touch /ready; exec sleep 1000']).reuse('key')"
  const isThere = "async ({ container }) => (await container.exec(['ls', '/ready'])).exitCode === 0"

  test('everybody gets it when it is ready', async () => {
    const body = `
      const container = await ${slow}.waitFor(${isThere})
      return [container.id, (await container.exec(['ls', '/ready'])).exitCode]
    `
    const found = await Promise.all(Array.from({ length: 4 }, () => inAnotherProcess(host, body)))
    const [id] = await ids()
    expect(found).toEqual(Array.from({ length: 4 }, () => [id, 0]))
  })

  test('who waits for it and is killed is followed by the next', async () => {
    const waiting = startEngineProcess(
      roots(),
      `await ${slow}.waitFor(() => { process.stdout.write('waits'); return false })`,
    )
    await once(waiting.stdout, 'data')
    waiting.kill('SIGKILL')
    await once(waiting, 'close')
    const [id] = await ids()
    expect(await inAnotherProcess(host, `return (await ${slow}.waitFor(${isThere})).id`)).toBe(id)
  })

  test('one that does not become ready stays for the next', async () => {
    const never = sleeping()
      .waitFor(() => false)
      .waitTimeout(200)
    await expect(never).rejects.toMatchObject({ code: 'WAIT_TIMED_OUT' })
    expect(await ids()).toEqual([(await sleeping()).id])
  })
})

test('who makes it and is killed is followed by the next', async () => {
  for (let at = 0; at < 10; at++) {
    const maker = startEngineProcess(
      roots(),
      "process.stdout.write('open'); await engine.run('busybox', ['sleep', '1000']).volume('/data').reuse('key')",
    )
    // One that is fast enough has ended before it is killed.
    const ended = once(maker, 'close')
    await once(maker.stdout, 'data')
    await delay(at * 8)
    maker.kill('SIGKILL')
    await ended
    const container = await sleeping().volume('/data')
    expect(await statusOf(container)).toBe('running')
    expect(await ids()).toEqual([container.id])
    await container.remove({ force: true, volumes: true })
  }
})

describe('is refused', () => {
  const refused = { code: 'INVALID_OPTION', details: { option: 'reuse' } }

  test('of one that goes by itself', async () => {
    await expect(sleeping().rm()).rejects.toMatchObject(refused)
    await expect(sleeping().ephemeral()).rejects.toMatchObject(refused)
  })

  test('for verbs that make one', async () => {
    await expect(sleeping().create()).rejects.toMatchObject(refused)
    await expect(sleeping().output()).rejects.toMatchObject(refused)
    await expect(sleeping().attach()).rejects.toMatchObject(refused)
  })
})

test('waits for another no longer than it is told to', async () => {
  const { signal } = new AbortController()
  const over = AbortSignal.abort(new Error('no more'))
  await expect(sleeping().signal(over)).rejects.toThrow('no more')
  expect(await ids()).toEqual([])
  expect(await statusOf(await sleeping().signal(signal))).toBe('running')
})
