import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { native } from '../../host/index.js'
import { openDirectory } from './directory-context.js'
import { closing, keyOf, makeFiles } from './fixture.js'

const files = { 'a/x': 'one', 'a/y': 'two', b: 'three', link: '-> b' }

const keyOfDirectory = async (directory: string, cacheDirectory?: string) => {
  await using context = await openDirectory(directory, { cacheDirectory })
  return await keyOf(context)
}

describe('the checksum of a context', () => {
  test('does not depend on where it is, whose, nor on its times', async () => {
    const [one, other] = [makeFiles(files), makeFiles(files)]
    utimesSync(join(other, 'b'), 1, 2)
    chownSync(join(other, 'b'), 1234, 1234)
    expect(await keyOfDirectory(one)).toBe(await keyOfDirectory(other))
  })

  test.each([
    ['a byte of a file', (at: string) => writeFileSync(join(at, 'a/x'), 'onE')],
    ['a mode', (at: string) => chmodSync(join(at, 'a/x'), 0o600)],
    ['the mode of a directory', (at: string) => chmodSync(join(at, 'a'), 0o700)],
    ['a name', (at: string) => makeFiles({ 'a/z': '' }, at)],
    ['a file less', (at: string) => rmSync(join(at, 'a/y'))],
    [
      'a target',
      (at: string) => {
        rmSync(join(at, 'link'))
        symlinkSync('a', join(at, 'link'))
      },
    ],
    [
      'a file for a symlink',
      (at: string) => {
        rmSync(join(at, 'link'))
        writeFileSync(join(at, 'link'), 'b')
      },
    ],
    [
      'a capability',
      (at: string) => {
        const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
        native().setxattrAt(-100, join(at, 'b'), 'security.capability', capability)
      },
    ],
  ])('depends on %s', async (_, change) => {
    const directory = makeFiles(files, temporaryDirectory())
    const before = await keyOfDirectory(directory)
    change(directory)
    expect(await keyOfDirectory(directory)).not.toBe(before)
  })

  test('tells apart what is the same bytes in a row', async () => {
    const keys = await Promise.all([
      keyOfDirectory(makeFiles({ 'a/b': '' })),
      keyOfDirectory(makeFiles({ a: '', b: '' })),
      keyOfDirectory(makeFiles({ ab: '' })),
    ])
    expect(new Set(keys).size).toBe(3)
  })

  test('is of what is left when some is excluded', async () => {
    const whole = closing(await openDirectory(makeFiles(files)))
    const without = closing(await openDirectory(makeFiles({ 'a/x': 'one', b: 'three', link: '-> b' })))
    expect(await keyOf(whole, ['.'], ['a/y'])).toBe(await keyOf(without))
  })
})

describe('digests of an earlier build', () => {
  /** Older than the clock's last tick, so that they are believed. */
  const settle = () => delay(60)
  const cacheFile = (cache: string) => join(cache, readdirSync(cache)[0] as string)

  test('are used, and are not when a file was changed', async () => {
    const [directory, cache] = [makeFiles(files), join(temporaryDirectory(), 'cache')]
    await settle()
    const first = await keyOfDirectory(directory, cache)
    expect(readFileSync(cacheFile(cache)).includes('a/x')).toBe(true)
    expect(await keyOfDirectory(directory, cache)).toBe(first)
    writeFileSync(join(directory, 'a/x'), 'onE')
    utimesSync(join(directory, 'a/x'), 1, 1)
    const changed = await keyOfDirectory(directory, cache)
    expect(changed).not.toBe(first)
    expect(changed).toBe(await keyOfDirectory(directory))
  })

  test('are not kept of a file that may be changed again at the same time', async () => {
    const [directory, cache] = [makeFiles(files), join(temporaryDirectory(), 'cache')]
    const soon = new Date(Date.now() + 60_000)
    await settle()
    utimesSync(join(directory, 'a/x'), soon, soon)
    await keyOfDirectory(directory, cache)
    const kept = readFileSync(cacheFile(cache))
    expect([kept.includes('a/x'), kept.includes('a/y')]).toEqual([false, true])
  })

  test.each([
    ['is cut off', (bytes: Buffer) => bytes.subarray(0, -5)],
    ['has another byte', (bytes: Buffer) => bytes.fill(1, 40, 41)],
    ['is empty', () => Buffer.alloc(0)],
    ['is of another version', (bytes: Buffer) => bytes.fill('inboard9', 0, 8)],
  ])('are computed again when their file %s', async (_, damage) => {
    const [directory, cache] = [makeFiles(files), join(temporaryDirectory(), 'cache')]
    await settle()
    const first = await keyOfDirectory(directory, cache)
    const path = cacheFile(cache)
    writeFileSync(path, damage(readFileSync(path)))
    expect(await keyOfDirectory(directory, cache)).toBe(first)
  })

  test('are kept also of what a build did not ask for', async () => {
    const [directory, cache] = [makeFiles(files), join(temporaryDirectory(), 'cache')]
    await settle()
    await keyOfDirectory(directory, cache)
    writeFileSync(join(directory, 'b'), 'other')
    const context = await openDirectory(directory, { cacheDirectory: cache })
    await keyOf(context, ['b'])
    await context.close()
    expect(readFileSync(cacheFile(cache)).includes('a/x')).toBe(true)
  })

  test('are many without taking each file as one', async () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`d${at % 7}/f-${at}`, `${at}`]))
    const [directory, cache] = [makeFiles({ ...many, ünï: 'x' }), join(temporaryDirectory(), 'cache')]
    await settle()
    const first = await keyOfDirectory(directory, cache)
    expect(await keyOfDirectory(directory, cache)).toBe(first)
    expect(await keyOfDirectory(directory)).toBe(first)
  })
})
