import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import type { DriverVolume, Engine, VolumeDriver } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { hasEnded, supervisorIn } from '../support/processes.js'

let host: TestEngine
let engine: Engine
/** Where the driver `dirs` keeps its volumes. */
let kept: string
/** What the driver `dirs` does in place of answering, by method; and what it was asked. */
const moods = new Map<keyof VolumeDriver, (signal: AbortSignal) => Promise<never>>()
const asked: string[] = []

/** A driver that keeps directories, and tells what is done with them. */
const dirs = (directory: string): VolumeDriver => {
  const answer = async <Result>(
    method: keyof VolumeDriver,
    what: string,
    signal: AbortSignal,
    body: () => Result | Promise<Result>,
  ) => {
    asked.push(`${method} ${what}`)
    await moods.get(method)?.(signal)
    return body()
  }
  const told = async (name: string): Promise<DriverVolume> => ({
    name,
    mountpoint: join(directory, name),
    createdAt: new Date('2024-05-06T07:08:09.123Z'),
    status: { fullness: 'half' },
  })
  return {
    create: (name, _options, { signal }) =>
      answer('create', name, signal, () => mkdir(join(directory, name), { recursive: true }).then(() => {})),
    remove: (name, { signal }) =>
      answer('remove', name, signal, () => rm(join(directory, name), { recursive: true, force: true })),
    mount: (name, _id, { signal }) => answer('mount', name, signal, () => join(directory, name)),
    unmount: (name, _id, { signal }) => answer('unmount', name, signal, () => {}),
    get: (name, { signal }) =>
      answer('get', name, signal, () => (existsSync(join(directory, name)) ? told(name) : undefined)),
    list: ({ signal }) => answer('list', '', signal, async () => Promise.all((await readdir(directory)).map(told))),
    capabilities: async () => ({ scope: 'global' }),
  }
}

beforeAll(async () => {
  kept = await mkdtemp('/tmp/ib-kept-')
  host = await testEngine(['busybox'], {
    volumeDrivers: { dirs: dirs(kept) },
    volumePluginDirectories: { sockets: [], specs: [] },
  })
  engine = host.engine
})
beforeEach(() => {
  asked.length = 0
})
afterEach(async () => {
  failpoints.clear()
  moods.clear()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove({ force: true })
  expect(await readdir(join(engine.root, 'volumes'))).toEqual([])
  expect(await readdir(kept)).toEqual([])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  await rm(kept, { recursive: true })
  expect(left).toEqual([])
})

const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const names = async (options: Parameters<Engine['volumes']['list']>[0] = {}) =>
  (await engine.volumes.list(options)).map(({ name }) => name)
const dataOf = (name: string) => join(engine.root, 'volumes', name, '_data')
const fails = (why: string) => () => Promise.reject(new Error(why))
const hangs = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('a volume that is made', () => {
  it('is a directory of the root, and its inspect is as Docker shows it', async () => {
    const data = await engine.volumes.create('data').label({ stage: 'ci' })
    expect(await data.inspect()).toEqual({
      CreatedAt: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      Driver: 'local',
      Labels: { stage: 'ci' },
      Mountpoint: dataOf('data'),
      Name: 'data',
      Options: null,
      Scope: 'local',
    })
    expect(await readdir(dataOf('data'))).toEqual([])
  })

  it('has a name of its own when it gets none, and says that it is anonymous', async () => {
    const nameless = await engine.volumes.create()
    expect(nameless.name).toMatch(/^[0-9a-f]{64}$/)
    expect((await nameless.inspect()).Labels).toEqual({ 'com.docker.volume.anonymous': '' })
  })

  it('is made once, however often it is awaited', async () => {
    const builder = engine.volumes.create()
    expect((await builder).name).toBe((await builder).name)
    expect(await names()).toHaveLength(1)
  })

  it('is the one that is there already, as it is', async () => {
    await engine.volumes.create('data', { labels: { first: '' } })
    await writeFile(join(dataOf('data'), 'file'), 'kept')
    const again = await engine.volumes.create('data', { labels: { second: '' }, driver: 'local' })
    expect((await again.inspect()).Labels).toEqual({ first: '' })
    expect(await readFile(join(dataOf('data'), 'file'), 'utf8')).toBe('kept')
  })

  it('cannot have the name of another driver’s', async () => {
    await engine.volumes.create('data')
    await expect(engine.volumes.create('data').driver('dirs')).rejects.toEqual(code('VOLUME_EXISTS', 'data'))
    expect(asked.filter((call) => call.startsWith('create'))).toEqual([])
  })

  it('can have a name of 255 characters, and no longer one', async () => {
    const longest = 'x'.repeat(255)
    await (await engine.volumes.create(longest)).remove()
    await expect(engine.volumes.create('x'.repeat(256))).rejects.toEqual(code('INVALID_OPTION', 'file name too long'))
    expect(await names()).toEqual([])
  })

  it('is not made by a builder whose signal has fired', async () => {
    await expect(engine.volumes.create('data').signal(AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
    expect(await names()).toEqual([])
  })

  it('is had by containers, whichever process has made it', async () => {
    await inAnotherProcess(host, `await engine.volumes.create('shared', { labels: { by: 'another' } })`)
    await engine.run('busybox', ['sh', '-c', 'echo hello >/data/file']).volume('shared:/data').rm().output()
    expect((await (await engine.volumes.get('shared')).inspect()).Labels).toEqual({ by: 'another' })
    expect(await readFile(join(dataOf('shared'), 'file'), 'utf8')).toBe('hello\n')
  })
})

describe('volumes are found', () => {
  it('by their whole names only', async () => {
    await engine.volumes.create('data')
    expect((await engine.volumes.get('data')).name).toBe('data')
    await expect(engine.volumes.get('dat')).rejects.toEqual(code('VOLUME_NOT_FOUND', 'get dat: no such volume'))
    await expect(engine.volumes.get('../data')).rejects.toEqual(code('VOLUME_NOT_FOUND'))
  })

  it('by name, label, driver, and whether a container refers to them', async () => {
    await engine.volumes.create('web-data').label({ tier: 'web', stage: 'ci' })
    await engine.volumes.create('db-data').label({ tier: 'db' })
    await engine.volumes.create('db-log').driver('dirs')
    await engine.run('busybox').volume('db-log:/log').volume('db-data:/data').create()
    expect(await names()).toEqual(['db-data', 'db-log', 'web-data'])
    expect(await names({ filters: { name: 'data' } })).toEqual(['db-data', 'web-data'])
    expect(await names({ filters: { name: ['^db-d', 'web'] } })).toEqual(['db-data', 'web-data'])
    expect(await names({ filters: { label: ['tier', 'stage=ci'] } })).toEqual(['web-data'])
    expect(await names({ filters: { driver: 'dirs' } })).toEqual(['db-log'])
    expect(await names({ filters: { driver: ['local', 'nosuch'] } })).toEqual(['db-data', 'web-data'])
    expect(await names({ filters: { dangling: true } })).toEqual(['web-data'])
    expect(await names({ filters: { dangling: false, label: 'tier=db' } })).toEqual(['db-data'])
  })

  it('by no filter that Docker has not', async () => {
    const list = (filters: object) => engine.volumes.list({ filters })
    await expect(list({ until: '1h' })).rejects.toEqual(code('INVALID_OPTION', "Invalid filter 'until'"))
    await expect(list({ dangling: 'maybe' })).rejects.toEqual(
      code('INVALID_OPTION', "Invalid filter 'dangling=[maybe]'"),
    )
    await expect(list({ name: '[' })).rejects.toEqual(code('INVALID_OPTION', "'name'='['"))
  })

  it('also those that only a driver knows, with all that it tells', async () => {
    await mkdir(join(kept, 'foreign'))
    const [line] = await engine.volumes.list()
    expect(line).toEqual({
      name: 'foreign',
      driver: 'dirs',
      scope: 'global',
      createdAt: new Date('2024-05-06T07:08:09.123Z'),
      labels: {},
      options: {},
      mountpoint: join(kept, 'foreign'),
    })
    const foreign = await engine.volumes.get('foreign')
    expect(await foreign.inspect({ size: true })).toEqual({
      CreatedAt: '2024-05-06T07:08:09Z',
      Driver: 'dirs',
      Labels: null,
      Mountpoint: join(kept, 'foreign'),
      Name: 'foreign',
      Options: null,
      Scope: 'global',
      Status: { fullness: 'half' },
      UsageData: { Size: -1, RefCount: 0 },
    })
    await foreign.remove()
    expect(existsSync(join(kept, 'foreign'))).toBe(false)
  })

  it('and a driver that fails is told of beside them', async () => {
    await engine.volumes.create('data')
    moods.set('list', fails('the array is down'))
    const volumes = await engine.volumes.list()
    expect(volumes.map(({ name }) => name)).toEqual(['data'])
    expect(volumes.warnings).toEqual([code('VOLUME_DRIVER_FAILED', 'VolumeDriver.List: the array is down')])
    expect((await engine.volumes.list({ filters: { driver: 'local' } })).warnings).toEqual([])
  })
})

describe('a volume that is removed', () => {
  it('is no more, and with force it may be missing', async () => {
    const data = await engine.volumes.create('data')
    await data.remove()
    expect(existsSync(dataOf('data'))).toBe(false)
    await expect(data.inspect()).rejects.toEqual(code('VOLUME_NOT_FOUND', 'get data: no such volume'))
    await expect(data.remove()).rejects.toEqual(code('VOLUME_NOT_FOUND', 'get data: no such volume'))
    await data.remove({ force: true })
  })

  it('is not removed while a container refers to it, with force neither', async () => {
    const data = await engine.volumes.create('data')
    const { id } = await engine.run('busybox').name('holder').volume('data:/data').create()
    const refused = { message: `remove data: volume is in use - [${id}]`, code: 'VOLUME_IN_USE' }
    await expect(data.remove()).rejects.toMatchObject(refused)
    await expect(data.remove({ force: true })).rejects.toMatchObject({
      ...refused,
      details: { containers: [{ id, name: 'holder' }] },
    })
    expect(existsSync(dataOf('data'))).toBe(true)
  })

  it('can be removed when the only container was an rm one, whose end nobody has recorded yet', async () => {
    const data = await engine.volumes.create('data')
    const id = await inAnotherProcess<string>(
      host,
      `return (await engine.run('busybox', ['sleep', '1000']).rm().volume('data:/data')).id`,
    )
    const { Pid } = (await (await engine.containers.get(id)).inspect()).State
    const supervisor = supervisorIn(join(engine.runRoot, id))
    process.kill(Pid, 'SIGKILL')
    await expect.poll(() => hasEnded(supervisor)).toBe(true)
    await data.remove()
    expect(await names()).toEqual([])
  })

  it('stays when its driver refuses, with force too', async () => {
    const data = await engine.volumes.create('data').driver('dirs')
    moods.set('remove', fails('busy'))
    await expect(data.remove()).rejects.toEqual(code('VOLUME_DRIVER_FAILED', 'VolumeDriver.Remove: busy'))
    expect(await names()).toEqual(['data'])
    const { stdout } = await engine.run('busybox', ['ls', '-d', '/data']).volume('data:/data').rm().output()
    expect(stdout).toBe('/data\n')
    await expect(data.remove({ force: true })).rejects.toEqual(code('VOLUME_DRIVER_FAILED'))
    expect(await names()).toEqual(['data'])
  })

  it('is one for all who make and remove it at once, in several engines and processes', async () => {
    const body = `
      for (let round = 0; round < 20; round++) {
        const volume = await engine.volumes.create('contended')
        await volume.remove({ force: true }).catch((error) => { if (error.code !== 'VOLUME_IN_USE') throw error })
      }`
    const other = await host.reopen()
    const here = async (one: Engine) => {
      for (let round = 0; round < 20; round++) await (await one.volumes.create('contended')).remove({ force: true })
    }
    await Promise.all([here(engine), here(other), inAnotherProcess(host, body), inAnotherProcess(host, body)])
    expect(await names()).toEqual([])
    expect(await readdir(join(engine.root, 'volumes'))).toEqual([])
  })
})

describe('pruning', () => {
  it('takes anonymous volumes that no container has, and tells how much that was', async () => {
    const nameless = await engine.volumes.create()
    await writeFile(join(dataOf(nameless.name), 'file'), 'x'.repeat(12_345))
    await engine.volumes.create('named')
    const { id } = await engine.run('busybox').volume('/data').create()
    expect(await engine.volumes.prune()).toEqual({ deleted: [nameless.name], spaceReclaimed: 12_345 })
    expect(await names()).toHaveLength(2)
    await (await engine.containers.get(id)).remove()
    expect((await engine.volumes.prune()).deleted).toHaveLength(1)
    expect(await names()).toEqual(['named'])
  })

  it('takes named ones only when it is told to, by their labels, and never what drivers keep', async () => {
    await engine.volumes.create('keep').label({ keep: '' })
    await engine.volumes.create('stage').label({ stage: 'ci' })
    await engine.volumes.create('plain')
    await engine.volumes.create('driven').driver('dirs')
    await engine.volumes.create('options').opt({ type: 'tmpfs', device: 'tmpfs' })
    expect(await engine.volumes.prune()).toEqual({ deleted: [], spaceReclaimed: 0 })
    expect((await engine.volumes.prune({ all: true, filters: { label: 'stage=ci' } })).deleted).toEqual(['stage'])
    expect((await engine.volumes.prune({ all: true, filters: { withoutLabel: 'keep' } })).deleted).toEqual(['plain'])
    expect(await names()).toEqual(['driven', 'keep', 'options'])
    const wrong = { filters: { dangling: true } as object }
    await expect(engine.volumes.prune(wrong)).rejects.toEqual(code('INVALID_OPTION', "Invalid filter 'dangling'"))
  })
})

describe('a driver', () => {
  it('that fails to create leaves no volume, and no container', async () => {
    moods.set('create', fails('no space left'))
    const failure = code('VOLUME_DRIVER_FAILED', 'VolumeDriver.Create: no space left')
    await expect(engine.volumes.create('data').driver('dirs')).rejects.toEqual(failure)
    const mount = { type: 'volume', source: 'data', target: '/data', volumeOptions: { driver: 'dirs' } } as const
    await expect(engine.run('busybox').name('none').mount(mount).create()).rejects.toEqual(failure)
    expect(await names()).toEqual([])
    expect(await engine.containers.list({ all: true })).toEqual([])
  })

  it('that hangs is given up when the caller does, and leaves nothing', async () => {
    moods.set('create', hangs)
    const stop = new AbortController()
    const made = engine.volumes.create('data', { driver: 'dirs', signal: stop.signal }).then()
    const other = engine.volumes.create('other')
    await other
    stop.abort(new Error('long enough'))
    await expect(made).rejects.toThrow('long enough')
    expect(await names()).toEqual(['other'])
    expect(asked).toContain('remove data')
    moods.clear()
    expect((await engine.volumes.create('data').driver('dirs')).name).toBe('data')
  })

  it('that there is none of is refused in Docker’s words', async () => {
    await expect(engine.volumes.create('data').driver('nosuch')).rejects.toEqual(
      code('VOLUME_DRIVER_NOT_FOUND', 'error looking up volume plugin nosuch: plugin "nosuch" not found'),
    )
    expect(await names()).toEqual([])
  })

  it('that cannot mount leaves a container that did not start, and nothing mounted', async () => {
    await engine.volumes.create('data').driver('dirs')
    moods.set('mount', fails('no such target'))
    const run = engine.run('busybox').name('idle').volume('data:/data:nocopy')
    await expect(run.then()).rejects.toEqual(code('VOLUME_DRIVER_FAILED', 'VolumeDriver.Mount: no such target'))
    moods.clear()
    expect((await (await engine.containers.get('idle')).inspect()).State.Status).toBe('created')
    await (await engine.containers.get('idle')).remove()
    await (await engine.volumes.get('data')).remove()
  })

  it('whose process is gone keeps its volumes where they are, and no root from being opened', async () => {
    await engine.volumes.create('data').driver('dirs')
    const failure = await inAnotherProcess(
      host,
      `return (await engine.volumes.get('data')).remove().catch(({ code, message }) => ({ code, message }))`,
    )
    expect(failure).toEqual(code('VOLUME_DRIVER_NOT_FOUND', 'plugin "dirs" not found'))
    expect(await names()).toEqual(['data'])
  })
})

describe('the files of a volume', () => {
  it('go to another one as a tar, through nothing but memory', async () => {
    const from = await engine.volumes.create('from')
    const to = await engine.volumes.create('to')
    const script =
      'mkdir -p /data/a/b && echo one >/data/a/b/c && ln -s b /data/a/l && chmod 1750 /data/a && chown 5:6 /data/a'
    await engine.run('busybox', ['sh', '-c', script]).volume('from:/data').rm().output()
    await to.import(from.export())
    const list = async (name: string) =>
      (
        await engine
          .run('busybox', ['sh', '-c', 'cd /data && ls -lnR && cat a/b/c'])
          .volume(`${name}:/data`)
          .rm()
          .output()
      ).stdout
    expect(await list('to')).toBe(await list('from'))
    expect(await list('to')).toContain('one')
  })

  it('are copied from and to the host by the rules of docker cp', async () => {
    const data = await engine.volumes.create('data')
    const outside = await mkdtemp('/tmp/ib-outside-')
    await mkdir(join(outside, 'seed'))
    await writeFile(join(outside, 'seed/file'), 'seeded')
    await data.copyTo(`${outside}/seed/.`, '/')
    expect(await readFile(join(dataOf('data'), 'file'), 'utf8')).toBe('seeded')
    await data.copyFrom('/file', join(outside, 'back'))
    expect(await readFile(join(outside, 'back'), 'utf8')).toBe('seeded')
    await expect(data.copyFrom('/missing', outside)).rejects.toEqual(code('FILE_NOT_FOUND'))
    await rm(outside, { recursive: true })
  })

  it('are mounted by their driver for as long as an export is read, also one that is left early', async () => {
    const data = await engine.volumes.create('data').driver('dirs')
    await writeFile(join(kept, 'data/file'), Buffer.alloc(4_000_000))
    const whole = data.export()
    expect(asked.filter((call) => call.includes('mount'))).toEqual([])
    expect((await buffer(whole)).length).toBeGreaterThan(4_000_000)
    expect(asked.filter((call) => call.includes('mount'))).toEqual(['mount data', 'unmount data'])
    const left = data.export()
    await once(left, 'readable')
    left.destroy()
    await once(left, 'close')
    expect(asked.filter((call) => call.includes('mount'))).toEqual([
      'mount data',
      'unmount data',
      'mount data',
      'unmount data',
    ])
  })

  it('are not removed while they are exported', async () => {
    const data = await engine.volumes.create('data')
    await writeFile(join(dataOf('data'), 'file'), Buffer.alloc(4_000_000))
    const tar = data.export()
    await once(tar, 'readable')
    await expect(data.remove({ force: true })).rejects.toEqual(code('VOLUME_IN_USE', 'its files are being copied'))
    expect((await engine.volumes.prune({ all: true })).deleted).toEqual([])
    expect((await buffer(tar)).length).toBeGreaterThan(4_000_000)
    await data.remove()
  })

  it('are whole when the container that an anonymous volume goes with is removed meanwhile, and gone afterwards', async () => {
    const container = await engine.run('busybox').volume('/data').create()
    const [nameless] = await names()
    await writeFile(join(dataOf(nameless as string), 'file'), Buffer.alloc(4_000_000))
    const tar = (await engine.volumes.get(nameless as string)).export()
    await once(tar, 'readable')
    await container.remove({ volumes: true })
    expect((await buffer(tar)).length).toBeGreaterThan(4_000_000)
    expect(existsSync(dataOf(nameless as string))).toBe(false)
  })

  it('of an export that nobody reads to its end keep no engine from closing', async () => {
    const other = await host.reopen()
    const data = await engine.volumes.create('data')
    await writeFile(join(dataOf('data'), 'file'), Buffer.alloc(4_000_000))
    const tar = (await other.volumes.get('data')).export()
    await once(tar, 'readable')
    const closed = new Promise((resolve) => tar.once('close', resolve))
    await other.close()
    await closed
    await data.remove()
  })

  it('of a missing volume fail the stream', async () => {
    const data = await engine.volumes.create('data')
    await data.remove()
    await expect(buffer(data.export())).rejects.toEqual(code('VOLUME_NOT_FOUND'))
  })
})

describe('the disk usage', () => {
  it('has what plain volumes take, and how many containers have them', async () => {
    const data = await engine.volumes.create('data')
    await writeFile(join(dataOf('data'), 'file'), 'x'.repeat(1000))
    await engine.volumes.create('driven').driver('dirs')
    await engine.run('busybox').volume('data:/data').volume('driven:/other').create()
    const { volumes } = await engine.diskUsage()
    expect(volumes).toEqual([expect.objectContaining({ name: 'data', size: 1000, links: 1 })])
    expect((await data.inspect({ size: true })).UsageData).toEqual({ Size: 1000, RefCount: 1 })
  })
})
