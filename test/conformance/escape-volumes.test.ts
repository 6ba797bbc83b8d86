import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { directory, file, symlink } from './support/tar.js'

// CVE-2021-25741, CVE-2024-23651: parts of volumes and of images that their own content turns into something of the host.
let host: TestEngine
let mountpoint: string
const canary = new Canary()
const before = canary.state()
let volumes = 0
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
beforeEach(async () => {
  const volume = await host.engine.volumes.create(`v${++volumes}`)
  mountpoint = (await volume.inspect()).Mountpoint
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
})

const unharmed = () => expect(canary.state()).toEqual(before)

/** Runs a script with a part of the volume at /data. */
const withPart = (subpath: string, script: string, image = 'busybox') =>
  host.engine
    .run(image, ['sh', '-c', script])
    .mount({ type: 'volume', source: `v${volumes}`, target: '/data', volumeOptions: { subpath } })
    .rm()
    .output()

describe('a part of a volume that is a symlink', () => {
  test.each(['/etc', '../../../../../../../../etc', '/../etc'])(
    'to %s is found inside of the volume',
    async (target) => {
      mkdirSync(join(mountpoint, 'etc'))
      writeFileSync(join(mountpoint, 'etc/passwd'), 'the volume’s own')
      symlinkSync(target, join(mountpoint, 'link'))
      expect((await withPart('link', 'cat /data/passwd; ls /data')).stdout).toBe('the volume’s ownpasswd\n')
    },
  )

  test.each([canary.directory, canary.file, '/proc/1/root', '/proc/self/cwd', '/etc'])(
    'to %s, which the volume does not have, is told and nothing is mounted',
    async (target) => {
      symlinkSync(target, join(mountpoint, 'link'))
      await expect(withPart('link', 'touch /data/x; echo x > /data')).rejects.toMatchObject({
        code: 'LAUNCH_FAILED',
        message: expect.stringContaining(
          `to rootfs at "/data": cannot access path "${mountpoint}/link": no such file or directory`,
        ),
        details: { operation: 'tree_open', syscallError: 'ENOENT', subpath: 'link', exitCode: 125 },
      })
      unharmed()
    },
  )

  test('made by a container, on the way to the part of the next one, is found inside too', async () => {
    mkdirSync(join(mountpoint, 'own'))
    await withPart('own', `ln -s ${canary.directory} /data/way`)
    await expect(withPart('own/way/part', 'true')).rejects.toMatchObject({ details: { syscallError: 'ENOENT' } })
    mkdirSync(join(mountpoint, canary.directory, 'part'), { recursive: true })
    await withPart('own/way/part', 'touch /data/x')
    expect(readdirSync(join(mountpoint, canary.directory, 'part'))).toEqual(['x'])
    unharmed()
  })

  test('to itself is refused', async () => {
    symlinkSync('link', join(mountpoint, 'link'))
    await expect(withPart('link', 'true')).rejects.toMatchObject({ details: { syscallError: 'ELOOP' } })
  })
})

describe('a part of an image that is a symlink', () => {
  const withImage = (name: string, subpath: string, script: string) =>
    host.engine
      .run('busybox', ['sh', '-c', script])
      .mount({ type: 'image', source: name, target: '/image', imageOptions: { subpath } })
      .rm()
      .output()

  test('is found inside of the image, and cannot be written to', async () => {
    const name = await importHostile(host.engine, 'links', [
      directory('etc'),
      file('etc/passwd', 'the image’s own'),
      symlink('link', '../../../../../../etc'),
    ])
    const { stdout } = await withImage(name, 'link', 'cat /image/passwd; echo x > /image/passwd || echo " refused"')
    expect(stdout).toBe('the image’s own refused\n')
  })

  test.each([canary.directory, '/proc/self/root'])(
    'to the host’s %s is told, and nothing is mounted',
    async (target) => {
      const name = await importHostile(host.engine, `links-${target.length}`, [symlink('link', target)])
      await expect(withImage(name, 'link', 'touch /image/x')).rejects.toMatchObject({
        code: 'LAUNCH_FAILED',
        details: { operation: 'tree_open', syscallError: 'ENOENT', destination: '/image' },
      })
      unharmed()
    },
  )
})

test('a place of a mount inside of a volume that is a symlink to the host is made inside of the container', async () => {
  symlinkSync(canary.directory, join(mountpoint, 'link'))
  const { stdout } = await host.engine
    .run('busybox', ['sh', '-c', `touch ${canary.directory}/nested/x; ls /data/link/nested`])
    .volume(`v${volumes}:/data`, '/data/link/nested')
    .rm()
    .output()
  expect(stdout).toBe('x\n')
  expect(readdirSync(mountpoint)).toEqual(['link'])
  unharmed()
})

test('a mount inside of a volume that is read-only is refused where its place is missing', async () => {
  const run = host.engine.run('busybox', ['true']).volume(`v${volumes}:/data:ro`, '/data/nested').rm()
  await expect(run.output()).rejects.toMatchObject({
    message: expect.stringMatching(/error mounting ".*" to rootfs at "\/data\/nested": read-only file system/),
    details: { operation: 'tree_attach', syscallError: 'EROFS', exitCode: 125 },
  })
})

test('nothing of all this is left on the host', async () => {
  expect(await host.leaks()).toEqual([])
})
