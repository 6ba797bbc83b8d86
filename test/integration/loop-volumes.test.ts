import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeEach, expect, test } from 'vitest'
import { loopVolumes } from '../../examples/drivers/loop-volumes.js'
import { mountDirectory, mountsBelow, noLoopsOver } from '../../src/volume/local-fixture.js'

const run = promisify(execFile)
const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))
const call = { signal: new AbortController().signal }
let directory: string
let driver: ReturnType<typeof loopVolumes>

beforeEach(() => {
  directory = mountDirectory()
  driver = loopVolumes(directory)
})

test('the example fills a volume to its size, finds what was written before, and leaves nothing', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/drivers/loop-volumes.ts')])
  expect(stdout).toBe(
    [
      'writing 64 MB to a volume of 16: No space left on device',
      'what was written before is kept',
      'loop: 16777216 bytes at most, at small/files',
      'left of it: 0 files',
      '',
    ].join('\n'),
  )
})

test('a new volume is empty, takes little of the disk, and holds what its size says', async () => {
  await driver.create('small', { size: '16m' }, call)
  const image = statSync(join(directory, 'small', 'image'))
  expect([image.size, image.blocks * 512 < 4 * 2 ** 20]).toEqual([16 * 2 ** 20, true])
  const files = await driver.mount('small', 'a', call)
  expect(readdirSync(files)).toEqual([])
  expect(() => writeFileSync(join(files, 'big'), Buffer.alloc(16 * 2 ** 20))).toThrow('ENOSPC')
})

test('a volume is mounted once for all its uses, and unmounted with the last', async () => {
  await driver.create('shared', { size: '16m' }, call)
  const files = await driver.mount('shared', 'a', call)
  writeFileSync(join(files, 'file'), 'kept')
  expect(await driver.mount('shared', 'b', call)).toBe(files)
  expect(await driver.mount('shared', 'b', call)).toBe(files)
  expect(mountsBelow(directory)).toHaveLength(1)

  await driver.unmount('shared', 'a', call)
  await driver.unmount('shared', 'a', call)
  expect(readFileSync(join(files, 'file'), 'utf8')).toBe('kept')
  await driver.unmount('shared', 'b', call)
  expect(mountsBelow(directory)).toEqual([])
  await noLoopsOver(join(directory, 'shared', 'image'))
  expect(readFileSync(join(await driver.mount('shared', 'c', call), 'file'), 'utf8')).toBe('kept')
})

test('whatever is cut short can come again, and what is done already is success', async () => {
  mkdirSync(join(directory, '.new-again', 'files'), { recursive: true })
  await driver.create('again', { size: '1m' }, call)
  writeFileSync(join(await driver.mount('again', 'a', call), 'file'), 'kept')
  await driver.create('again', { size: '1m' }, call)
  expect(existsSync(join(directory, 'again', 'files', 'file'))).toBe(true)
  await driver.remove('again', call)
  await driver.remove('again', call)
  await driver.unmount('again', 'a', call)
  expect([readdirSync(directory), mountsBelow(directory)]).toEqual([[], []])
})

test.each([
  [{ size: '1' }, "invalid size '1'"],
  [{ size: 'big' }, "invalid size 'big'"],
  [{ size: '1m', type: 'ext4' }, 'unknown option type'],
])('options %j are refused, and nothing is made', async (options, message) => {
  await expect(driver.create('bad', options as Record<string, string>, call)).rejects.toThrow(message)
  expect(readdirSync(directory)).toEqual([])
})

test('a making that is given up leaves nothing', async () => {
  const caller = new AbortController()
  const making = driver.create('late', { size: '64m' }, { signal: caller.signal })
  caller.abort(new Error('given up'))
  await expect(making).rejects.toThrow()
  expect(readdirSync(directory)).toEqual([])
})

test('its volumes are found by name, and among all', async () => {
  await driver.create('one', { size: '1m' }, call)
  const mountpoint = join(directory, 'one', 'files')
  expect(await driver.get?.('one', call)).toMatchObject({ name: 'one', mountpoint, status: { size: 2 ** 20 } })
  expect(await driver.get?.('two', call)).toBeUndefined()
  expect(await driver.list?.(call)).toEqual([{ name: 'one', mountpoint }])
  expect(await driver.path?.('one', call)).toBe('')
  await driver.mount('one', 'a', call)
  expect(await driver.path?.('one', call)).toBe(mountpoint)
})
