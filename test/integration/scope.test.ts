import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { CleanupError, type Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let test: TestEngine
let engine: Engine
beforeAll(async () => {
  test = await testEngine()
})
afterAll(() => test[Symbol.asyncDispose]())
beforeEach(async () => {
  engine = await test.reopen()
  return () => engine.close()
})

const everything = async () => [
  ...(await test.engine.containers.list({ all: true })).map(({ name }) => name),
  ...(await test.engine.networks.list())
    .map(({ name }) => name)
    .filter((name) => !['bridge', 'host', 'none'].includes(name)),
  ...(await test.engine.volumes.list()).map(({ name }) => name),
]

it('disposes of containers, networks and volumes, whatever their state', async () => {
  const scope = engine.scope()
  const net = await scope.network()
  const data = await scope.volume()
  await scope.run('busybox', ['sleep', '1000']).network(net.name).volume(`${data.name}:/data`).volume('/anonymous')
  await scope.run('busybox', ['true']).volume('/never').create()
  const paused = await scope.run('busybox', ['sleep', '1000'])
  await paused.pause()
  expect(await everything()).toHaveLength(7)
  await scope.close()
  expect(await everything()).toEqual([])
  expect(await test.leaks()).toEqual([])
})

it('disposes of the newest first, and waits for each', async () => {
  const order: string[] = []
  {
    await using scope = engine.scope()
    scope.defer(() => order.push('first'))
    await scope.use({
      async [Symbol.asyncDispose]() {
        await Promise.resolve()
        order.push('second')
      },
    })
    await scope.use(Promise.resolve({ [Symbol.dispose]: () => order.push('third') }))
    scope.defer(async () => {
      await Promise.resolve()
      order.push('fourth')
    })
  }
  expect(order).toEqual(['fourth', 'third', 'second', 'first'])
})

it('tries all, and tells all that has failed', async () => {
  const scope = engine.scope()
  let isDone = false
  scope.defer(() => {
    isDone = true
  })
  scope.defer(() => {
    throw new Error('one')
  })
  scope.defer(() => Promise.reject(new Error('two')))
  const error = await scope.close().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(CleanupError)
  expect(error).toMatchObject({ code: 'CLEANUP_FAILED', details: { errors: [{ message: 'two' }, { message: 'one' }] } })
  expect(isDone).toBe(true)
})

it('disposes of what is still being made', async () => {
  const scope = engine.scope()
  const making = scope.run('busybox', ['sleep', '1000'])
  const made = making.then()
  await scope.close()
  const container = await made
  await expect(engine.containers.get(container.id)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
})

it('makes nothing any more once it is closed', async () => {
  const scope = engine.scope()
  const early = scope.run('busybox', ['true'])
  await scope.close()
  for (const make of [
    () => scope.run('busybox'),
    () => scope.network(),
    () => scope.volume(),
    () => scope.defer(() => {}),
  ])
    expect(make).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
  await expect(early).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(await everything()).toEqual([])
})

it('is closed with its engine, what it has deferred as well', async () => {
  const other = await test.reopen()
  const scope = other.scope()
  const order: string[] = []
  scope.defer(() => order.push('deferred'))
  const container = await scope.run('busybox', ['sleep', '1000'])
  await other.close()
  expect(order).toEqual(['deferred'])
  await expect(engine.containers.get(container.id)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  await container.close()
})

it('leaves a volume alone that was there before', async () => {
  const kept = await engine.volumes.create('kept')
  await using scope = engine.scope()
  await expect(scope.volume('kept')).rejects.toMatchObject({ code: 'VOLUME_EXISTS' })
  await scope.close()
  expect(await everything()).toEqual(['kept'])
  await kept.remove()
})
