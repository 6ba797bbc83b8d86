import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CacheDirectory, CacheDirectoryRequest } from '../build/index.js'
import { failpoints } from '../errors/failpoint.js'
import { type BuildCacheStore, openBuildCacheStore } from '../store/build-caches.js'
import { type Database, openDatabase } from '../store/database.js'
import { CacheDirectories } from './build-cache-directories.js'

let root: string
let path: string
let database: Database
let store: BuildCacheStore
let caches: CacheDirectories
beforeEach(() => {
  root = mkdtempSync('/tmp/ib-caches-')
  path = join(root, 'caches')
  database = openDatabase(join(root, 'db'))
  store = openBuildCacheStore(database)
  caches = new CacheDirectories(path, store)
})
afterEach(() => {
  failpoints.clear()
  database.close()
  rmSync(root, { recursive: true })
})

type Sharing = CacheDirectoryRequest['sharing']
const take = (id: string, sharing: Sharing = 'shared', options: Partial<CacheDirectoryRequest> = {}) =>
  caches.take({ id, sharing, signal: new AbortController().signal, fill: async () => {}, ...options })
const release = (cache: CacheDirectory) => cache[Symbol.asyncDispose]()
/** Whether a promise is still open when all that could settle it has been done. */
const isWaiting = async (promise: Promise<unknown>) =>
  (await Promise.race([promise.then(() => 'done'), new Promise((resolve) => setTimeout(resolve, 100, 'waiting'))])) ===
  'waiting'
const entries = () => readdirSync(path).sort()

describe('a directory of a name', () => {
  it('is the same one the next time, with what was written there', async () => {
    const first = await take('go')
    writeFileSync(join(first.path, 'file'), 'kept')
    await release(first)
    const second = await take('go', 'locked')
    expect(second.path).toBe(first.path)
    expect(readFileSync(join(second.path, 'file'), 'utf8')).toBe('kept')
    await release(second)
    expect((await take('another')).path).not.toBe(first.path)
  })

  it('is filled before anybody sees it, once', async () => {
    const fill = async (directory: string) => writeFileSync(join(directory, 'file'), 'filled')
    const [first, second] = await Promise.all([take('go', 'shared', { fill }), take('go', 'shared', { fill })])
    expect(first.path).toBe(second.path)
    expect(readFileSync(join(first.path, 'file'), 'utf8')).toBe('filled')
    expect(store.of('go')).toHaveLength(1)
  })

  it('is not there when filling it fails', async () => {
    const fill = () => Promise.reject(new Error('no room'))
    await expect(take('go', 'shared', { fill })).rejects.toThrow('no room')
    expect(entries()).toEqual([])
    expect(store.list()).toEqual([])
  })

  it.each(['cache.publish', 'cache.record'])('is whole or nothing when its maker is killed at %s', async (point) => {
    failpoints.set(point, () => {
      throw new Error('here')
    })
    await expect(take('go')).rejects.toThrow('here')
    failpoints.clear()
    const cache = await take('go')
    expect(entries()).toEqual([cache.path.split('/').at(-2)])
  })

  it('is made anew when somebody has removed it', async () => {
    const first = await take('go')
    await release(first)
    rmSync(join(first.path, '..'), { recursive: true })
    const second = await take('go')
    expect(second.path).not.toBe(first.path)
    expect(store.of('go')).toHaveLength(1)
  })

  it('takes what killed makers have left along', async () => {
    mkdirSync(join(path, 'tmp-1234/data'), { recursive: true })
    mkdirSync(join(path, '5678/data'), { recursive: true })
    writeFileSync(join(path, '5678/lock'), '')
    const cache = await take('go')
    expect(entries()).toEqual([cache.path.split('/').at(-2)])
  })
})

describe('several steps that want one directory', () => {
  it('have it together when it is shared', async () => {
    const [first, second] = [await take('go'), await take('go')]
    expect(second.path).toBe(first.path)
  })

  it('wait for each other when it is locked', async () => {
    const first = await take('go', 'locked')
    const second = take('go', 'locked')
    expect(await isWaiting(second)).toBe(true)
    await release(first)
    expect((await second).path).toBe(first.path)
  })

  it('wait for those who share it when they want it locked, and the other way round', async () => {
    const shared = await take('go', 'shared')
    const locked = take('go', 'locked')
    expect(await isWaiting(locked)).toBe(true)
    await release(shared)
    const held = await locked
    const another = take('go', 'shared')
    expect(await isWaiting(another)).toBe(true)
    await release(held)
    await another
  })

  it('have it once the process that had it is killed', async () => {
    const first = await take('go', 'locked')
    await release(first)
    const lock = join(first.path, '../lock')
    const holder = spawn('flock', ['--exclusive', '--no-fork', lock, 'sh', '-c', 'echo held; exec sleep 1000'])
    await once(holder.stdout, 'data')
    const second = take('go', 'shared')
    expect(await isWaiting(second)).toBe(true)
    holder.kill('SIGKILL')
    expect((await second).path).toBe(first.path)
  })

  it('stop waiting when they are aborted', async () => {
    await take('go', 'locked')
    const stop = new AbortController()
    const waiting = take('go', 'locked', { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  it('get others when it is private, which are kept', async () => {
    const first = await take('go', 'private')
    const second = await take('go', 'private')
    expect(second.path).not.toBe(first.path)
    await release(second)
    expect((await take('go', 'private')).path).toBe(second.path)
    expect(store.of('go')).toHaveLength(2)
  })
})

describe('removing one', () => {
  it('gives the bytes of its files, and leaves nothing', async () => {
    const cache = await take('go')
    writeFileSync(join(cache.path, 'file'), '12345')
    await release(cache)
    expect(await caches.list()).toMatchObject([{ name: 'go', uses: 1, size: 5, isInUse: false }])
    expect(await caches.remove(store.list()[0]?.directory as string)).toBe(5)
    expect(entries()).toEqual([])
    expect(store.list()).toEqual([])
  })

  it('leaves what a step has as it is', async () => {
    await take('go')
    expect(await caches.list()).toMatchObject([{ name: 'go', isInUse: true }])
    expect(await caches.remove(store.list()[0]?.directory as string)).toBeUndefined()
    expect(entries()).toHaveLength(1)
    expect(await caches.remove('unknown')).toBeUndefined()
  })

  it('is finished by whoever makes the next when the remover is killed', async () => {
    const removed = await take('go')
    await release(removed)
    failpoints.set('cache.discard', () => {
      throw new Error('here')
    })
    await expect(caches.remove(store.list()[0]?.directory as string)).rejects.toThrow('here')
    failpoints.clear()
    expect(entries()).toHaveLength(1)
    const cache = await take('go')
    expect(cache.path).not.toBe(removed.path)
    expect(entries()).toEqual([cache.path.split('/').at(-2)])
  })
})
