import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type PluginFault, VolumePlugin } from '../../test/support/volume-plugin.js'
import { temporaryDirectory } from '../host/fixture.js'
import type { VolumeDriver } from './driver.js'
import { findPlugin } from './plugin-discovery.js'
import { openPlugin } from './plugin-driver.js'

const directory = mkdtempSync(join(tmpdir(), 'inboard-test-'))
const socket = join(directory, 'disk.sock')
let plugin: VolumePlugin
beforeAll(async () => {
  plugin = await VolumePlugin.start({ directory, socket })
})
afterEach(() => plugin.reset())
afterAll(async () => {
  await plugin[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const call = { signal: new AbortController().signal }

/** Shakes hands with what is called `disk`. */
async function open(connectMs = 0, where = directory): Promise<VolumeDriver> {
  const address = await findPlugin('disk', { sockets: [where], specs: [] })
  if (!address) throw new Error('there is no such plugin')
  return openPlugin(address, { connectMs, signal: call.signal })
}

const says = (on: string, body: object | string, status = 200): PluginFault => ({
  on,
  effect: { kind: 'say', status, body: typeof body === 'string' ? body : JSON.stringify(body) },
})

const askedMethods = async () => (await plugin.asked()).map(({ method }) => method)

test('a volume lives in a plugin from create to remove', async () => {
  const driver = await open()
  await driver.create('data', { size: '10m' }, call)
  const path = join(directory, 'volumes/data')
  expect(await driver.mount('data', 'run-1', call)).toBe(path)
  expect(await driver.mount('data', 'run-2', call)).toBe(path)
  expect(plugin.mounts()).toEqual({ data: ['run-1', 'run-2'] })
  writeFileSync(join(path, 'file'), 'kept')
  await driver.unmount('data', 'run-1', call)
  await driver.unmount('data', 'run-2', call)
  expect(plugin.mounts()).toEqual({ data: [] })
  await driver.remove('data', call)
  expect(existsSync(path)).toBe(false)
})

test('requests have the fields and media types of the protocol', async () => {
  const driver = await open()
  await driver.create('data', { size: '10m' }, call)
  await driver.mount('data', 'run-1', call)
  await driver.path?.('data', call)
  await driver.get?.('data', call)
  await driver.unmount('data', 'run-1', call)
  await driver.remove('data', call)
  await driver.list?.(call)
  await driver.capabilities?.(call)
  const asked = await plugin.asked()
  expect(asked.map(({ method, body }) => [method, body])).toEqual([
    ['Activate', undefined],
    ['Create', { Name: 'data', Opts: { size: '10m' } }],
    ['Mount', { Name: 'data', ID: 'run-1' }],
    ['Path', { Name: 'data' }],
    ['Get', { Name: 'data' }],
    ['Unmount', { Name: 'data', ID: 'run-1' }],
    ['Remove', { Name: 'data' }],
    ['List', {}],
    ['Capabilities', {}],
  ])
  expect(asked[1]?.headers).toMatchObject({
    accept: expect.stringMatching(/plugins\.v1\.2\+json.*plugins\.v1\.1\+json.*plugins\.v1\+json/),
    'content-type': 'application/vnd.docker.plugins.v1.1+json',
  })
})

test('what a plugin knows of its volumes is told', async () => {
  await plugin.fault(says('Capabilities', { Capabilities: { Scope: 'Global' } }))
  const driver = await open()
  await driver.create('one', {}, call)
  await driver.create('two', {}, call)
  await driver.mount('one', 'run-1', call)
  const one = {
    name: 'one',
    mountpoint: join(directory, 'volumes/one'),
    createdAt: expect.any(Date),
    status: { mounts: 1 },
  }
  expect(await driver.get?.('one', call)).toEqual(one)
  expect(await driver.get?.('three', call)).toBeUndefined()
  expect(await driver.list?.(call)).toEqual([one, expect.objectContaining({ name: 'two', status: { mounts: 0 } })])
  expect(await driver.path?.('two', call)).toBe(join(directory, 'volumes/two'))
  expect(await driver.capabilities?.(call)).toEqual({ scope: 'global' })
})

test('a volume may be created, unmounted and removed again', async () => {
  const driver = await open()
  await driver.create('data', {}, call)
  await driver.create('data', {}, call)
  await driver.unmount('data', 'never', call)
  await driver.remove('data', call)
  await driver.remove('data', call)
})

test('a plugin of the first version of the protocol has no list, a local scope, and tells of a volume by its path', async () => {
  for (const method of ['Get', 'List', 'Capabilities']) await plugin.fault(says(method, '404 page not found', 404))
  const driver = await open()
  await driver.create('data', {}, call)
  expect(await driver.list?.(call)).toEqual([])
  expect(await driver.capabilities?.(call)).toEqual({ scope: 'local' })
  expect(await driver.get?.('data', call)).toEqual({ name: 'data', mountpoint: join(directory, 'volumes/data') })
  expect(await driver.get?.('other', call)).toBeUndefined()
  // It cannot be known that it is gone.
  await expect(driver.remove('other', call)).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
})

test.each([
  [200, ''],
  [500, 'VolumeDriver.Create: '],
])("a plugin's error with the status %d comes in Docker's words", async (status, method) => {
  const driver = await open()
  await plugin.fault(says('Create', '{"Err":"no space \\u001b[31mleft"}', status))
  const error = await driver.create('data', {}, call).catch((error) => error)
  expect(error).toMatchObject({
    name: 'VolumeError',
    code: 'VOLUME_DRIVER_FAILED',
    message: `${method}no space  [31mleft`,
    details: { driver: 'disk', volume: 'data', method: 'VolumeDriver.Create' },
  })
})

test('an error of a plugin that speaks no JSON is told as it is', async () => {
  const driver = await open()
  await plugin.fault({ ...says('Mount', 'bad gateway\n', 502), times: 1 })
  await expect(driver.mount('data', 'x', call)).rejects.toThrow(/^VolumeDriver\.Mount: bad gateway/)
  await plugin.fault({ ...says('Mount', '', 502), times: 1 })
  await expect(driver.mount('data', 'x', call)).rejects.toThrow(/^VolumeDriver\.Mount: HTTP 502$/)
})

test('fields are found whatever their case is, as by Docker', async () => {
  const driver = await open()
  await plugin.fault(says('Mount', { mountpoint: '/srv/x', err: null }))
  expect(await driver.mount('data', 'x', call)).toBe('/srv/x')
})

test('volumes of impossible names are not listed, and what is wrong of others is left out', async () => {
  const driver = await open()
  const Volumes = [
    { Name: '../etc' },
    { Name: 'a/b' },
    { Name: 7 },
    'x',
    null,
    { Name: 'good', CreatedAt: '0001-01-01T00:00:00Z', Status: 'none' },
    { Name: '__proto__' },
  ]
  await plugin.fault(says('List', { Volumes }))
  expect(await driver.list?.(call)).toEqual([{ name: 'good' }])
})

test('no redirect is followed', async () => {
  const driver = await open()
  const headers = { location: '/VolumeDriver.Remove' }
  await plugin.fault({ on: 'Create', effect: { kind: 'say', status: 307, body: '', headers } })
  await expect(driver.create('data', {}, call)).rejects.toThrow('VolumeDriver.Create: HTTP 307')
  expect(await askedMethods()).toEqual(['Activate', 'Create'])
})

test.each([
  ['no JSON', { kind: 'say', body: 'hello' }],
  ['nothing', { kind: 'say', body: '' }],
  ['null', { kind: 'say', body: 'null' }],
  ['a list', { kind: 'say', body: '[]' }],
  ['an error that is a number', { kind: 'say', body: '{"Err":7}' }],
  ['a document too deep to be walked', { kind: 'say', body: `{"Status":${'['.repeat(50_000)}${']'.repeat(50_000)}}` }],
  ['too much', { kind: 'flood', bytes: 2 * 1024 * 1024 }],
  ['a header too long', { kind: 'say', body: '{}', headers: { 'x-long': 'x'.repeat(32_000) } }],
  ['half an answer', { kind: 'drop' }],
] as const)('%s for an answer fails the call, and not the next one', async (_, effect) => {
  // Only who cannot be connected to is tried again.
  const driver = await open(10_000)
  await plugin.fault({ on: 'Create', times: 1, effect })
  const error = await driver.create('data', {}, call).catch((error) => error)
  expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED' })
  expect(error.message).toMatch(/^VolumeDriver\.Create: /)
  await driver.create('data', {}, call)
  expect(await askedMethods()).toEqual(['Activate', 'Create', 'Create'])
})

test.each(['before', 'during', 'after'] as const)('a plugin that dies %s its work fails the call', async (when) => {
  const driver = await open()
  await plugin.fault({ on: 'Create', effect: { kind: 'die', when } })
  await expect(driver.create('data', {}, call)).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
  await plugin.restart()
  await driver.create('data', {}, call)
  expect(plugin.mounts()).toEqual({ data: [] })
})

test('a plugin that is started again meanwhile is waited for', async () => {
  const driver = await open(10_000)
  await plugin.kill()
  const created = driver.create('data', {}, call)
  await plugin.restart()
  await created
  expect(plugin.mounts()).toEqual({ data: [] })
})

test('a plugin that does not run is named with its socket, and what to do about it', async () => {
  await plugin.kill()
  const error = await open().catch((error) => error)
  await plugin.restart()
  expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED', details: { driver: 'disk' } })
  expect(error.message).toContain(
    `error looking up volume plugin disk: Plugin.Activate: cannot connect to unix://${socket}`,
  )
  expect(error.message).toContain(`Start it, or remove ${socket}`)
})

test('a plugin that is no volume driver is none', async () => {
  await plugin.fault(says('Activate', { Implements: ['NetworkDriver'] }))
  await expect(open()).rejects.toMatchObject({
    name: 'NotFoundError',
    code: 'VOLUME_DRIVER_NOT_FOUND',
    message: expect.stringContaining('Plugin does not implement the requested driver'),
  })
})

test.each([
  ['{"Implements":"VolumeDriver"}', 200, 'VOLUME_DRIVER_NOT_FOUND'],
  ['{}', 200, 'VOLUME_DRIVER_NOT_FOUND'],
  ['hello', 200, 'VOLUME_DRIVER_FAILED'],
  ['not now', 503, 'VOLUME_DRIVER_FAILED'],
  ['{"Err":"not now"}', 200, 'VOLUME_DRIVER_FAILED'],
])('a handshake with %s and status %d is refused', async (body, status, code) => {
  await plugin.fault(says('Activate', body, status))
  await expect(open()).rejects.toMatchObject({ code })
})

test.each(['hang', 'drip'] as const)(
  'a signal ends a call to a plugin that does %s, and its connection',
  async (kind) => {
    await plugin.fault({ on: 'Mount', effect: { kind } })
    const driver = await open()
    const controller = new AbortController()
    const isAsked = plugin.nextAsked('Mount')
    const mounted = driver.mount('data', 'x', { signal: controller.signal })
    await isAsked
    const reason = new Error('given up')
    controller.abort(reason)
    await expect(mounted).rejects.toBe(reason)
    await expect.poll(() => plugin.connections()).toBe(0)
  },
)

test('a signal ends the wait for a plugin that does not run', async () => {
  const driver = await open(60_000)
  await plugin.kill()
  const signal = AbortSignal.timeout(100)
  await expect(driver.create('data', {}, { signal })).rejects.toMatchObject({ name: 'TimeoutError' })
  await plugin.restart()
})

test('calls at once do not wait for each other', async () => {
  await plugin.fault({ on: 'Path', effect: { kind: 'hang' } })
  const driver = await open()
  const controller = new AbortController()
  const isAsked = plugin.nextAsked('Path')
  const hanging = driver.path?.('data', { signal: controller.signal })
  await isAsked
  const names = Array.from({ length: 30 }, (_, n) => `volume-${n}`)
  await Promise.all(names.map((name) => driver.create(name, {}, { signal: new AbortController().signal })))
  expect(Object.keys(plugin.mounts())).toHaveLength(30)
  controller.abort()
  await expect(hanging).rejects.toMatchObject({ name: 'AbortError' })
})

test('no connection is left when a call has ended', async () => {
  const driver = await open()
  await driver.create('data', {}, call)
  await expect.poll(() => plugin.connections()).toBe(0)
})

test('a server that only ever says that it will answer is given up', async () => {
  const where = temporaryDirectory()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100)))
  }).listen(join(where, 'disk.sock'))
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  await expect(open(0, where)).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
})
