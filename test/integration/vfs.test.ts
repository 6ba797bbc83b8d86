import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'], { storageDriver: 'vfs' })
})
afterAll(() => host[Symbol.asyncDispose]())

test('where overlay cannot be, a container has a copy of its own', async () => {
  const { engine } = host
  const first = await engine.run('busybox', [
    'sh',
    '-c',
    'echo mine > /file; rm /etc/group; cat /proc/mounts | head -1',
  ])
  await first.wait()
  expect(await first.logs().text()).not.toContain('overlay')
  const { stdout } = await engine.run('busybox', ['sh', '-c', 'ls /file /etc/group 2>&1; id']).rm().output()
  expect(stdout).toContain('/etc/group\n')
  expect(stdout).toContain('uid=0(root)')
  expect((await first.inspect()).Driver).toBe('vfs')
  expect((await engine.diskUsage()).containers).toMatchObject([{ id: first.id, sizeRw: 'mine\n'.length }])
  await first.start()
  await first.wait()
  await first.remove()
  expect(await host.leaks()).toEqual([])
})
