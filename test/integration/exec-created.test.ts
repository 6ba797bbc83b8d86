import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
let container: Container
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  container = await engine.run('busybox', ['sleep', '1000']).network('none')
})
afterAll(() => host[Symbol.asyncDispose]())

test('an exec is created, told of, found by its id alone, and started once', async () => {
  const exec = await container.exec(['sh', '-c', 'echo hi; exit 3'], { user: 'root' }).create()
  const found = await engine.containers.getExec(exec.id)
  expect(await found.inspect()).toMatchObject({
    Running: false,
    ExitCode: null,
    Pid: 0,
    ContainerID: container.id,
    ProcessConfig: { entrypoint: 'sh', arguments: ['-c', 'echo hi; exit 3'], user: 'root' },
  })
  const process = await found.start()
  expect(await text(process.stdout)).toBe('hi\n')
  expect(await process.exit).toBe(3)
  expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 3, Pid: process.pid })
  await expect(exec.start()).rejects.toMatchObject({
    code: 'EXEC_STARTED',
    message: `Exec command ${exec.id} has already run`,
  })
})

test('one that runs cannot be started again', async () => {
  const exec = await container.exec(['sleep', '1000']).create()
  await exec.detach()
  expect(await exec.inspect()).toMatchObject({ Running: true })
  await expect(exec.detach()).rejects.toThrow(`Exec command ${exec.id} is already running`)
  await exec.kill()
  expect(await exec.wait()).toBe(137)
})

test('a program that cannot be started leaves 127 or 126', async () => {
  const missing = await container.exec(['no-such-program']).create()
  await expect(missing.start()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
  expect(await missing.inspect()).toMatchObject({ Running: false, ExitCode: 127 })
  const forbidden = await container.exec(['/etc/passwd']).create()
  await expect(forbidden.detach()).rejects.toMatchObject({ code: 'PROGRAM_NOT_EXECUTABLE' })
  expect(await forbidden.inspect()).toMatchObject({ Running: false, ExitCode: 126 })
})

test('a user that there is none of leaves 126', async () => {
  const exec = await container.exec(['true'], { user: 'nobody-here' }).create()
  await expect(exec.start()).rejects.toMatchObject({ code: 'USER_NOT_FOUND' })
  expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 126 })
  await expect(exec.start()).rejects.toMatchObject({ code: 'EXEC_STARTED' })
})

test('a size that is set before is that of its terminal from the first moment on', async () => {
  const exec = await container.exec(['stty', 'size']).tty().create()
  await exec.resize(31, 97)
  const process = await exec.start()
  expect(await text(process.stdout)).toBe('31 97\r\n')
})

test('signals and waiting are for those that were started', async () => {
  const exec = await container.exec(['true']).create()
  await expect(exec.kill()).rejects.toThrow('it has not been started')
  await expect(exec.wait()).rejects.toThrow('it has not been started')
})

test('how it has ended is known when the run of its container is over; one that was not started is forgotten', async () => {
  const other = await engine.run('busybox', ['sleep', '1000']).network('none')
  const started = await other.exec(['sleep', '1000']).create()
  const waiting = await other.exec(['true']).create()
  const process = await started.start()
  await other.kill()
  expect(await process.exit).toBe(137)
  expect(await started.inspect()).toMatchObject({ Running: false, ExitCode: 137, Pid: process.pid })
  await expect(waiting.inspect()).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
  await expect(engine.containers.getExec(waiting.id)).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
  await other.remove()
})

test('one that another engine has started is found, too', async () => {
  const other = await host.reopen()
  const exec = await (await other.containers.get(container.id)).exec(['sleep', '1000']).detach()
  const found = await engine.containers.getExec(exec.id)
  expect(await found.inspect()).toMatchObject({ Running: true, ContainerID: container.id })
  await found.kill()
})

test('nothing can be created in a container that does not run, or is paused', async () => {
  const stopped = await engine.run('busybox', ['true']).create()
  await expect(stopped.exec(['true']).create()).rejects.toThrow(`Container ${stopped.id} is not running`)
  await stopped.remove()
  await container.pause()
  await expect(container.exec(['true']).create()).rejects.toThrow('unpause the container before exec')
  await container.unpause()
})

test('of many that nobody starts the oldest are forgotten', async () => {
  const first = await container.exec(['true']).create()
  for (let count = 0; count < 1024; count++) await container.exec(['true']).create()
  await expect(engine.containers.getExec(first.id)).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
})

test('its creation is told when it is created, and once', async () => {
  const since = Date.now()
  const exec = await container.exec(['true']).create()
  await (await exec.start()).exit
  const actions: string[] = []
  for await (const { action, actor } of engine.events({ since, until: Date.now() + 1, filters: { type: 'container' } }))
    if (actor.attributes.execID === exec.id) actions.push(action)
  expect(actions).toEqual(['exec_create: true ', 'exec_start: true ', 'exec_die'])
})
