import { afterEach, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { leaksOf, testEngine } from '../support/engine.js'

afterEach(() => failpoints.clear())

test('a run that is cleared late takes nothing from who has its port by then', async () => {
  await using host = await testEngine()
  const elements = async () => (await leaksOf(host.directory)).filter((leak) => leak.startsWith('element'))
  failpoints.set('run.teardown', () => {
    throw new Error('EIO: i/o error, failpoint')
  })
  const first = await host.engine.run('busybox', ['true']).publish('18080:80')
  await first.wait()
  await host.engine.run('busybox', ['sleep', '1000']).publish('18080:80')
  const before = await elements()
  failpoints.clear()

  await first.remove()

  expect(before).toEqual([expect.stringContaining('18080')])
  expect(await elements()).toEqual(before)
})
