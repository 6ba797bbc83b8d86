import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { busyboxForm, busyboxForms } from '../support/images.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine([])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

describe('load', () => {
  test.each((Object.keys(busyboxForms) as (keyof typeof busyboxForms)[]).filter((form) => form !== 'rootfs'))(
    'an archive of the form %s runs, and goes without a trace',
    async (form) => {
      const [image] = await engine.images.load(busyboxForm(form))
      // An OCI layout may name a mere tag, which is no name: such an image has its ID only.
      const id = image?.id ?? ''
      const { stdout } = await engine.run(id, ['echo', 'runs']).rm().output()
      expect(stdout).toBe('runs\n')
      await image?.remove({ force: true })
      expect(await engine.images.list()).toEqual([])
      await expect(engine.images.get(id)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    },
  )

  test('an image in use is kept, and says by whom it is used', async () => {
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const container = await engine.run('busybox').name('user-of-it').create()
    await expect(image?.remove()).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    await container.remove()
    await image?.remove()
  })
})

test('import makes an image of a root filesystem, with what docker import -c changes', async () => {
  const image = await engine.images.import(busyboxForm('rootfs'), {
    reference: 'me/root:1',
    changes: ['CMD ["echo", "imported"]', 'ENV A=b', 'WORKDIR /tmp'],
  })
  expect(image.references).toEqual(['me/root:1'])
  expect((await engine.run('me/root:1').rm().output()).stdout).toBe('imported\n')
  expect((await engine.run('me/root:1', ['sh', '-c', 'echo $A; pwd']).rm().output()).stdout).toBe('b\n/tmp\n')
  await image.remove()
})

describe('fromHost', () => {
  test('programs of the host run in a container with all they need', async () => {
    const image = await engine.images.fromHost({
      executables: ['/bin/sh', process.execPath, 'id', 'redis-server', 'redis-cli'],
      reference: 'tools',
    })
    const node = await engine
      .run('tools', [process.execPath, '-p', 'process.version + " " + process.pid'])
      .rm()
      .output()
    expect(node).toMatchObject({ exitCode: 0, stdout: `${process.version} 1\n` })
    const redis = await engine.run('tools', ['redis-server', '--save', ''])
    for await (const { text } of redis.logs({ follow: true })) if (text.includes('Ready to accept connections')) break
    expect((await redis.exec(['redis-cli', 'ping'])).stdout).toBe('PONG\n')
    await redis.remove({ force: true })
    await image.remove()
  })

  test('takes well under a second, and next to nothing when the host has not changed', async () => {
    const options = { executables: ['/bin/sh', process.execPath, 'redis-server'], reference: 'timed' }
    const timed = async () => {
      const begin = performance.now()
      const { id } = await engine.images.fromHost(options)
      return { id, ms: performance.now() - begin }
    }
    const first = await timed()
    const again = await timed()
    expect(again.id).toBe(first.id)
    expect(first.ms).toBeLessThan(3000)
    expect(again.ms).toBeLessThan(first.ms / 4)
    await engine.images.remove('timed')
  })

  test('a program that the host lacks is named, with where it was looked for', async () => {
    await expect(engine.images.fromHost({ executables: ['no-such-program'] })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('no-such-program'),
    })
  })
})
