import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { leaksOf, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

afterEach(() => failpoints.clear())

test('a run that is cleared late takes nothing from who has its port by then', async () => {
  await using host = await testEngine()
  const elements = async () => (await leaksOf(host.directory)).filter((leak) => leak.startsWith('element'))
  failpoints.set('run.teardown', () => {
    throw new Error('EIO: i/o error, failpoint')
  })
  const first = await host.engine.run('busybox', ['true']).publish('18080:80')
  // Who waits may be the one who is to clear it.
  await first.wait().catch(() => {})
  await host.engine.run('busybox', ['sleep', '1000']).publish('18080:80')
  const before = await elements()
  failpoints.clear()

  await first.remove()

  expect(before).toEqual([expect.stringContaining('18080')])
  expect(await elements()).toEqual(before)
})

test('a container that is killed while it is taken off one of its networks has no names left on the other', async () => {
  await using host = await testEngine()
  const { engine } = host
  const front = await engine.networks.create('front')
  const back = await engine.networks.create('back')
  const container = await engine.run('busybox', ['sleep', '1000']).network('front')
  await back.connect(container)
  const state = readFileSync(`${engine.runRoot}/${container.id}/state`, 'utf8')
  failpoints.set('disconnect.view', () => process.kill(Number(/^supervisorPid (\d+)$/m.exec(state)?.[1]), 'SIGKILL'))

  await front.disconnect(container)

  await container.wait()
  const own = `container directory ${container.id}`
  expect(await settled(async () => (await leaksOf(host.directory)).filter((leak) => leak !== own))).toEqual([])
  await container.remove()
  expect(await host.leaks()).toEqual([])
})
