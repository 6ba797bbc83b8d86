import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { VolumePlugin } from '../../test/support/volume-plugin.js'
import { InvalidStateError } from '../errors/index.js'
import type { VolumeDriver } from './driver.js'
import { DriverRegistry, type DriverRegistryOptions } from './drivers.js'

const directory = mkdtempSync(join(tmpdir(), 'inboard-test-'))
const plugins = { sockets: [join(directory, 'run')], specs: [join(directory, 'etc')] }
const socket = join(directory, 'run/disk.sock')
let plugin: VolumePlugin
beforeAll(async () => {
  mkdirSync(join(directory, 'etc'))
  plugin = await VolumePlugin.start({ directory, socket })
})
afterEach(() => plugin.reset())
afterAll(async () => {
  await plugin[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

/** Its volumes are directories of the host. */
const directories: VolumeDriver = {
  create: async () => {},
  remove: async () => {},
  mount: async (name) => `/srv/${name}`,
  unmount: async () => {},
}

const call = { signal: new AbortController().signal }
const short = { changeMs: 150, askMs: 100 }
const forever = new Promise<never>(() => {})

function registry(options: Partial<DriverRegistryOptions> = {}): DriverRegistry {
  const opened = new DriverRegistry({ local: directories, plugins, connectMs: 0, ...options })
  onTestFinished(() => opened.close())
  return opened
}

const withDriver = (driver: Partial<VolumeDriver>, options: Partial<DriverRegistryOptions> = {}) =>
  registry({ registered: { srv: { ...directories, ...driver } }, timeouts: short, ...options }).get('srv')

test('drivers are found by name: the local one, those in TypeScript, then plugins', async () => {
  const mounting = (path: string) => ({ ...directories, mount: async () => path })
  const drivers = registry({ local: mounting('/local'), registered: { srv: mounting('/srv') } })
  expect(await (await drivers.get('local')).mount('v', 'id', call)).toBe('/local')
  expect(await (await drivers.get('srv')).mount('v', 'id', call)).toBe('/srv')
  const disk = await drivers.get('disk')
  await disk.create('v', {}, call)
  expect(await disk.mount('v', 'id', call)).toBe(join(directory, 'volumes/v'))
})

test('a driver in TypeScript comes before a plugin of its name', async () => {
  const drivers = registry({ registered: { disk: directories } })
  expect(await (await drivers.get('disk')).mount('v', 'id', call)).toBe('/srv/v')
  expect(await plugin.asked()).toEqual([])
})

const { create } = JSON.parse(
  readFileSync(new URL('../../test/conformance/facts/volumes.json', import.meta.url), 'utf8'),
).volumes

test.each([
  ['nosuch', 'unknown driver'],
  ['a/b', 'driver with slash'],
  ['a:b', 'driver with tag'],
  ['../x', 'driver outside'],
])("no driver is called %s, in Docker's words", async (name, fact) => {
  const error = await registry()
    .get(name)
    .catch((error) => error)
  expect(error).toMatchObject({ name: 'NotFoundError', code: 'VOLUME_DRIVER_NOT_FOUND', details: { driver: name } })
  expect(`create other: ${error.message}`).toBe(create[fact].message)
})

test('no object has drivers of its own', async () => {
  await expect(registry().get('constructor')).rejects.toMatchObject({ code: 'VOLUME_DRIVER_NOT_FOUND' })
})

test('many calls with one signal are not taken for a leak', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  const srv = await withDriver({ create: () => new Promise(setImmediate) })
  await Promise.all(Array.from({ length: 50 }, () => srv.create('v', {}, new AbortController())))
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 50 }, () => srv.create('v', {}, { signal })))
  expect(warnings).toEqual([])
})

test('hands are shaken once, also when several come at once', async () => {
  const drivers = registry()
  await Promise.all(Array.from({ length: 20 }, () => drivers.get('disk')))
  await drivers.get('disk')
  expect(await plugin.asked()).toHaveLength(1)
})

test('a plugin whose handshake failed is tried again with the next call', async () => {
  await plugin.fault({ on: 'Activate', times: 1, effect: { kind: 'say', status: 500, body: '{"Err":"not yet"}' } })
  const drivers = registry()
  await expect(drivers.get('disk')).rejects.toThrow('error looking up volume plugin disk: Plugin.Activate: not yet')
  await (await drivers.get('disk')).create('v', {}, call)
})

test('a plugin that has moved is found where it is now', async () => {
  const moved = join(directory, 'moved.sock')
  writeFileSync(join(directory, 'etc/roving.spec'), `unix://${socket}`)
  const drivers = registry()
  const before = await drivers.get('roving')
  const other = await VolumePlugin.start({ directory: join(directory, 'other'), socket: moved })
  writeFileSync(join(directory, 'etc/roving.spec'), `unix://${moved}`)
  await plugin.kill()
  await expect(before.create('v', {}, call)).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
  await (await drivers.get('roving')).create('v', {}, call)
  expect(other.mounts()).toEqual({ v: [] })
  await other[Symbol.asyncDispose]()
  await plugin.restart()
  rmSync(join(directory, 'etc/roving.spec'))
})

test('who does not wait for a handshake any more does not end it for others', async () => {
  await plugin.fault({ on: 'Activate', times: 1, effect: { kind: 'hang' } })
  const drivers = registry({ timeouts: { askMs: 1000 } })
  const controller = new AbortController()
  const isAsked = plugin.nextAsked('Activate')
  const impatient = drivers.get('disk', controller.signal)
  await isAsked
  const patient = drivers.get('disk')
  controller.abort(new Error('given up'))
  await expect(impatient).rejects.toThrow('given up')
  await expect(patient).rejects.toThrow('Plugin.Activate: the plugin did not answer within 1 s')
  expect(await plugin.asked()).toHaveLength(1)
})

test('a plugin that hangs is given up in time, and serves the next call', async () => {
  const disk = await registry({ timeouts: { changeMs: 300, askMs: 5000 } }).get('disk')
  await disk.create('v', {}, call)
  await plugin.fault({ on: 'Mount', times: 1, effect: { kind: 'hang' } })
  await expect(disk.mount('v', 'id', call)).rejects.toMatchObject({
    name: 'VolumeError',
    code: 'VOLUME_DRIVER_FAILED',
    message: 'VolumeDriver.Mount: volume driver disk did not answer within 0.3 s',
    details: { driver: 'disk', volume: 'v', method: 'VolumeDriver.Mount' },
  })
  expect(await disk.mount('v', 'id', call)).toBe(join(directory, 'volumes/v'))
})

test.each(['', 'relative/path', '/', '//srv/./..', '/with\0nul', null, 7, `/${'x'.repeat(5000)}`])(
  'a plugin whose mountpoint is %.20j has failed',
  async (Mountpoint) => {
    const disk = await registry().get('disk')
    await plugin.fault({ on: 'Mount', effect: { kind: 'say', body: JSON.stringify({ Mountpoint }) } })
    await expect(disk.mount('v', 'id', call)).rejects.toMatchObject({
      code: 'VOLUME_DRIVER_FAILED',
      message: expect.stringMatching(/^VolumeDriver\.Mount: its mountpoint /),
    })
  },
)

test('the drivers that are known are those in TypeScript, and plugins that answer and keep volumes', async () => {
  writeFileSync(join(directory, 'etc/gone.spec'), 'unix:///nonexistent/plugin.sock')
  writeFileSync(join(directory, 'etc/broken.json'), '{')
  const network = await VolumePlugin.start({
    directory: join(directory, 'network'),
    socket: join(directory, 'run/network.sock'),
    faults: [{ on: 'Activate', effect: { kind: 'say', body: '{"Implements":["NetworkDriver"]}' } }],
  })
  const drivers = registry({ registered: { srv: directories }, connectMs: 60_000 })
  expect(await drivers.known()).toEqual(['disk', 'local', 'srv'])
  await network[Symbol.asyncDispose]()
})

test('closing ends calls and handshakes on their way, and there are no others', async () => {
  await plugin.fault({ on: 'Create', effect: { kind: 'hang' } })
  const drivers = registry({ registered: { srv: { ...directories, create: () => forever } } })
  const [disk, srv] = [await drivers.get('disk'), await drivers.get('srv')]
  const isAsked = plugin.nextAsked('Create')
  const calls = [disk.create('v', {}, call), srv.create('v', {}, call)]
  await isAsked
  drivers.close()
  const ended = { name: 'InvalidStateError', code: 'ENGINE_CLOSED' }
  await expect(calls[0]).rejects.toMatchObject(ended)
  await expect(calls[1]).rejects.toMatchObject(ended)
  await expect(disk.remove('v', call)).rejects.toMatchObject(ended)
  await expect(drivers.get('local')).rejects.toMatchObject(ended)
  await expect.poll(() => plugin.connections()).toBe(0)
})

test('a plugin that was asked keeps no process alive', async () => {
  const source = fileURLToPath(new URL('drivers.ts', import.meta.url))
  const program = `
    import { DriverRegistry } from ${JSON.stringify(source)}
    const drivers = new DriverRegistry({ local: {}, plugins: ${JSON.stringify(plugins)} })
    await (await drivers.get('disk')).create('v', {}, { signal: new AbortController().signal })
    process.stdout.write('created')
  `
  const parameters = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, parameters, { timeout: 15_000 })
  expect(stdout).toBe('created')
})

test('a driver that does not settle is given up, told so, and what it comes to later is ignored', async () => {
  let fail: (error: Error) => void = () => {}
  let told: AbortSignal | undefined
  const srv = await withDriver({
    create: (_name, _options, { signal }) => {
      told = signal
      return new Promise((_, reject) => {
        fail = reject
      })
    },
  })
  const error = await srv.create('v', {}, call).catch((error) => error)
  expect(error).toMatchObject({ code: 'VOLUME_DRIVER_FAILED', details: { driver: 'srv', volume: 'v' } })
  expect(error.message).toBe('VolumeDriver.Create: volume driver srv did not answer within 0.15 s')
  expect(told?.reason).toBe(error)
  // Unless it is ignored, the test fails with an unhandled rejection.
  fail(new Error('late'))
  await new Promise(setImmediate)
})

test('a signal of the caller ends a call with its reason, and tells the driver', async () => {
  let told: AbortSignal | undefined
  const srv = await withDriver({
    mount: (_name, _id, { signal }) => {
      told = signal
      return forever
    },
  })
  const controller = new AbortController()
  const mounted = srv.mount('v', 'id', controller)
  const reason = new Error('given up')
  controller.abort(reason)
  await expect(mounted).rejects.toBe(reason)
  expect(told?.reason).toBe(reason)
  await expect(srv.mount('v', 'id', controller)).rejects.toBe(reason)
})

test('a driver is not told to stop when its call has ended', async () => {
  let told: AbortSignal | undefined
  const controller = new AbortController()
  const srv = await withDriver({
    unmount: async (_name, _id, { signal }) => {
      told = signal
    },
  })
  await srv.unmount('v', 'id', controller)
  controller.abort()
  expect(told?.aborted).toBe(false)
})

test.each([
  [new Error('disk on fire'), 'VolumeDriver.Remove: disk on fire'],
  ['disk on fire', 'VolumeDriver.Remove: disk on fire'],
  [undefined, 'VolumeDriver.Remove: undefined'],
  [new Error('red \u001b[31m'), 'VolumeDriver.Remove: red  [31m'],
  [new AggregateError([new Error('one'), new Error('two')]), 'VolumeDriver.Remove: one; two'],
])('what a driver throws is the cause of the failure: %s', async (thrown, message) => {
  const srv = await withDriver({ remove: () => Promise.reject(thrown) })
  const error = await srv.remove('v', call).catch((error) => error)
  expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED', message })
  expect(error.cause).toBe(thrown)
})

test('a driver that throws before there is a promise has failed like any other', async () => {
  const srv = await withDriver({
    create() {
      throw new Error('at once')
    },
  })
  await expect(srv.create('v', {}, call)).rejects.toThrow('VolumeDriver.Create: at once')
})

test('errors of inboard pass as they are', async () => {
  const own = new InvalidStateError('mine', { code: 'INVALID_STATE' })
  const srv = await withDriver({ create: () => Promise.reject(own) })
  await expect(srv.create('v', {}, call)).rejects.toBe(own)
})

const wrong = (answer: unknown) => async () => answer as never

test.each([
  ['mount', { mount: wrong(undefined) }],
  ['mount', { mount: wrong('relative') }],
  ['path', { path: wrong(7) }],
  ['get', { get: wrong('v') }],
  ['get', { get: wrong({ name: 7 }) }],
  ['get', { get: wrong({ name: 'v', mountpoint: 'relative' }) }],
  ['get', { get: wrong({ name: 'v', createdAt: 'yesterday' }) }],
  ['get', { get: wrong({ name: 'v', createdAt: new Date('no') }) }],
  ['get', { get: wrong({ name: 'v', status: [] }) }],
  ['list', { list: wrong(undefined) }],
  ['list', { list: wrong([{}]) }],
  ['capabilities', { capabilities: wrong({ scope: 'universal' }) }],
])('a driver whose %s() answers with something else has failed: %j', async (method, driver) => {
  const srv = await withDriver(driver)
  const calls: Record<string, () => Promise<unknown> | undefined> = {
    mount: () => srv.mount('v', 'id', call),
    path: () => srv.path?.('v', call),
    get: () => srv.get?.('v', call),
    list: () => srv.list?.(call),
    capabilities: () => srv.capabilities?.(call),
  }
  await expect(calls[method]?.()).rejects.toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED' })
})

test('right answers pass, and what a driver cannot do is not there', async () => {
  const volume = { name: 'v', mountpoint: '/srv/v', createdAt: new Date(0), status: { used: 1 } }
  const srv = await withDriver({
    path: wrong(undefined),
    get: async (name) => (name === 'v' ? volume : undefined),
    list: async () => [volume],
    capabilities: async () => ({ scope: 'global' }),
  })
  expect(await srv.path?.('v', call)).toBe('')
  expect(await srv.get?.('v', call)).toEqual(volume)
  expect(await srv.get?.('w', call)).toBeUndefined()
  expect(await srv.list?.(call)).toEqual([volume])
  expect(await srv.capabilities?.(call)).toEqual({ scope: 'global' })
  const local = await registry().get('local')
  expect([local.path, local.get, local.list, local.capabilities]).toEqual([undefined, undefined, undefined, undefined])
})

test('a driver keeps its own this', async () => {
  class Counting implements VolumeDriver {
    #made = 0
    async create() {
      this.#made++
    }
    async remove() {}
    async mount() {
      return `/srv/${this.#made}`
    }
    async unmount() {}
  }
  const srv = await registry({ registered: { srv: new Counting() } }).get('srv')
  await srv.create('v', {}, call)
  expect(await srv.mount('v', 'id', call)).toBe('/srv/1')
})

test.each([
  ['local', directories, 'built in'],
  ['a/b', directories, 'letters'],
  ['', directories, 'letters'],
  ['srv', { ...directories, mount: undefined }, 'mount()'],
  ['srv', null, 'create()'],
  ['srv', { ...directories, list: 7 }, 'list'],
])('a driver registered as %j that cannot be one is refused', (name, driver, why) => {
  const open = () => registry({ registered: { [name]: driver as VolumeDriver } })
  expect(open).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(why) }))
})

test('a volume is found with the first driver that has it, whatever the others do', async () => {
  const none = registry({ plugins: { sockets: [join(directory, 'none')], specs: [] } })
  expect([none.hasOthers(), registry().hasOthers()]).toEqual([false, true])
  const { signal } = new AbortController()
  const drivers = registry({
    // Long enough for a driver on a busy disk.
    timeouts: { changeMs: 10_000, askMs: 500 },
    registered: {
      // Neither get nor list.
      a: directories,
      b: { ...directories, get: () => forever },
      c: { ...directories, list: async () => [{ name: 'listed' }] },
      d: { ...directories, get: () => Promise.reject(new Error('no idea')) },
    },
  })
  expect(await drivers.find('listed', signal)).toEqual({ name: 'listed', driver: 'c' })
  await (await drivers.get('disk')).create('theirs', {}, call)
  expect(await drivers.find('theirs', signal)).toMatchObject({ name: 'theirs', driver: 'disk' })
  expect(await drivers.find('nowhere', signal)).toBeUndefined()
  await expect(drivers.find('theirs', AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
})
