import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Container, Engine, type EngineOptions, type RunBuilder } from '../../src/index.js'
import { defaultDriverTimeouts } from '../../src/volume/bounded-driver.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'
import { hasEnded } from '../support/processes.js'
import { type PluginFault, VolumePlugin } from '../support/volume-plugin.js'

let host: TestEngine
let engine: Engine
let plugin: VolumePlugin
/** Of the plugin: its socket's directory, its volumes, and who uses them. */
let directory: string
let roots: EngineOptions
const others: Engine[] = []

beforeAll(async () => {
  directory = await mkdtemp('/tmp/ib-plugin-')
  plugin = await VolumePlugin.start({ directory, socket: join(directory, 'run/disk.sock') })
  const volumePluginDirectories = { sockets: [join(directory, 'run')], specs: [] }
  host = await testEngine(['busybox'], { volumePluginDirectories })
  engine = host.engine
  roots = { root: engine.root, runRoot: engine.runRoot, volumePluginDirectories }
})
afterEach(async () => {
  for (const other of others.splice(0)) await other.close()
  // Its volumes go, too: what is gone already is no failure.
  await plugin.reset()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
  expect(await readdir(join(engine.root, 'volumes'))).toEqual([])
  await plugin.reset()
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  await plugin[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
  expect(left).toEqual([])
})

const sh = (script: string) => engine.run('busybox', ['sh', '-c', script])
const sleeper = (builder: (run: RunBuilder) => RunBuilder = (run) => run) =>
  builder(engine.run('busybox', ['sleep', '1000']).volume('data:/data').volumeDriver('disk'))
const file = (volume: string) => join(directory, 'volumes', volume, 'file')
const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const names = async () => (await engine.volumes.list()).map(({ name }) => name)

/** `Create data`, `Mount data CONTAINER-1`..: what the plugin was asked for, but for questions. */
async function changes(): Promise<string[]> {
  const asked = (await plugin.asked()) as { method: string; body?: { Name: string; ID?: string } }[]
  const changing = asked.filter(({ method }) => ['Create', 'Remove', 'Mount', 'Unmount'].includes(method))
  return changing.map(({ method, body }) => [method, body?.Name, body?.ID].filter(Boolean).join(' '))
}

const run = ({ id }: Pick<Container, 'id'>, attempt = 1) => `${id}-${attempt}`

/** Resolves once nobody uses a volume of the plugin: a container's end is told before what it leaves is undone. */
const unused = () => expect.poll(() => Object.values(plugin.mounts()).flat()).toEqual([])

/** As if it had been made by another host, or with another tool. */
function makeElsewhere(name: string): void {
  for (const kind of ['volumes', 'mounts']) mkdirSync(join(directory, kind, name))
  writeFileSync(file(name), 'theirs')
}

/** Another engine on the root, that does not wait long for drivers. */
async function impatient(ms = 1000): Promise<Engine> {
  const usual = { ...defaultDriverTimeouts }
  Object.assign(defaultDriverTimeouts, { changeMs: ms, askMs: ms })
  const other = await Engine.open(roots).finally(() => Object.assign(defaultDriverTimeouts, usual))
  others.push(other)
  return other
}

const refuses = (on: string, why: string): PluginFault => ({
  on,
  times: 1,
  effect: { kind: 'say', status: 200, body: JSON.stringify({ Err: why }) },
})
const hangs = (on: string): PluginFault => ({ on, effect: { kind: 'hang' } })

const supervisorOf = async (container: Container) => {
  const { Pid } = (await container.inspect()).State
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${Pid}/status`, 'utf8'))?.[1])
}

describe('a volume of a plugin', () => {
  test.each<[string, (run: RunBuilder) => RunBuilder]>([
    ['volumes.create()', (run) => run.volume('data:/data')],
    ['volumeDriver()', (run) => run.volume('data:/data').volumeDriver('disk')],
    [
      'mount()',
      (run) => {
        const volumeOptions = { driver: 'disk', driverOptions: { size: '1g' } }
        return run.mount({ type: 'volume', source: 'data', target: '/data', volumeOptions })
      },
    ],
  ])(
    'is made by %s, used at the path that the plugin tells, and unmounted when the run is over',
    async (how, mounting) => {
      if (how === 'volumes.create()') await engine.volumes.create('data').driver('disk').opt({ size: '1g' })
      const container = await mounting(sh('echo kept >/data/file')).create()
      expect(await changes()).toEqual(['Create data'])
      const created = (await plugin.asked()).find(({ method }) => method === 'Create')
      expect(created?.body).toEqual({ Name: 'data', Opts: how === 'volumeDriver()' ? {} : { size: '1g' } })
      for (const attempt of [1, 2]) {
        await container.start()
        expect((await container.wait()).exitCode).toBe(0)
        await unused()
        const used = [`Mount data ${run(container, attempt)}`, `Unmount data ${run(container, attempt)}`]
        expect((await changes()).slice(-2)).toEqual(used)
      }
      expect(readFileSync(file('data'), 'utf8')).toBe('kept\n')
      expect(await changes()).toHaveLength(5)
    },
  )

  test('is described with what the plugin tells of it', async () => {
    const container = await sleeper()
    const Mountpoint = join(directory, 'volumes/data')
    expect(await (await engine.volumes.get('data')).inspect()).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      Driver: 'disk',
      Labels: null,
      Mountpoint,
      Name: 'data',
      Options: null,
      Scope: 'local',
      Status: { mounts: 1 },
    })
    const mount = { Type: 'volume', Name: 'data', Source: Mountpoint, Destination: '/data', Driver: 'disk', RW: true }
    expect((await container.inspect()).Mounts).toEqual([expect.objectContaining(mount)])
  })

  test('is mounted for each of two containers that run at once', async () => {
    const [one, two] = await Promise.all([sleeper(), sleeper()])
    expect(plugin.mounts().data?.sort()).toEqual([run(one), run(two)].sort())
    await one.kill()
    await one.wait()
    await expect.poll(() => plugin.mounts().data).toEqual([run(two)])
    await two.remove({ force: true })
    expect(plugin.mounts()).toEqual({ data: [] })
    expect((await changes()).filter((change) => change.startsWith('Mount'))).toHaveLength(2)
  })

  test('without a name goes with an rm container', async () => {
    const { stdout } = await sh('echo x >/data/file; cat /data/file').volume('/data').volumeDriver('disk').rm().output()
    expect(stdout).toBe('x\n')
    await expect.poll(() => plugin.mounts()).toEqual({})
    await expect.poll(names).toEqual([])
    expect((await changes()).map((change) => change.split(' ')[0])).toEqual(['Create', 'Mount', 'Unmount', 'Remove'])
  })

  test('is filled from the image, mounted for that alone', async () => {
    const container = await sh('ls /etc').volume('etc:/etc').volumeDriver('disk').create()
    expect(plugin.mounts()).toEqual({ etc: [] })
    expect(existsSync(join(directory, 'volumes/etc/passwd'))).toBe(true)
    expect(await changes()).toEqual([
      'Create etc',
      expect.stringMatching(/^Mount etc access-/),
      expect.stringMatching(/^Unmount etc access-/),
    ])
    await container.remove()
  })

  test('is unmounted when the program cannot be started', async () => {
    const container = await engine.run('busybox', ['nosuch']).volume('data:/data').volumeDriver('disk').create()
    await expect(container.start()).rejects.toThrow('nosuch')
    expect(await changes()).toEqual(['Create data', `Mount data ${run(container)}`, `Unmount data ${run(container)}`])
  })

  test('is unmounted when the supervisor is killed', async () => {
    const container = await sleeper()
    process.kill(await supervisorOf(container), 'SIGKILL')
    await container.wait()
    await unused()
    expect((await changes()).slice(1)).toEqual([`Mount data ${run(container)}`, `Unmount data ${run(container)}`])
  })

  test('of a container that ends while no engine is there is unmounted when the root is opened', async () => {
    const program = `
      const run = engine.run('busybox', ['sleep', '1000']).volume('data:/data').volumeDriver('disk').rm()
      const { id } = await run
      console.log(id)
      setInterval(() => {}, 1000)`
    const child = startEngineProcess(roots, program)
    const [id] = String((await once(child.stdout, 'data'))[0]).split('\n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(plugin.mounts()).toEqual({ data: [`${id}-1`] })
    const container = await engine.containers.get(id as string)
    const supervisor = await supervisorOf(container)
    process.kill((await container.inspect()).State.Pid, 'SIGKILL')
    await expect.poll(() => hasEnded(supervisor)).toBe(true)
    expect(plugin.mounts()).toEqual({ data: [`${id}-1`] })
    others.push(await host.reopen())
    expect(plugin.mounts()).toEqual({ data: [] })
    expect(await changes()).toEqual(['Create data', `Mount data ${id}-1`, `Unmount data ${id}-1`])
  })

  test('is used and removed by a plugin that was started again meanwhile', async () => {
    const container = await sleeper()
    await plugin.restart()
    await container.remove({ force: true })
    expect(await changes()).toEqual([`Unmount data ${run(container)}`])
    expect((await sh('ls /data').volume('data:/data').rm().output()).stdout).toBe('')
    await unused()
    await (await engine.volumes.get('data')).remove()
    expect(plugin.mounts()).toEqual({})
  })
})

describe('a volume that only the plugin knows', () => {
  test('is listed and found, and filters by driver find it', async () => {
    makeElsewhere('theirs')
    await engine.volumes.create('ours')
    expect((await engine.volumes.list()).map(({ name, driver }) => [name, driver])).toEqual([
      ['ours', 'local'],
      ['theirs', 'disk'],
    ])
    expect((await engine.volumes.list({ filters: { driver: 'disk' } })).map(({ name }) => name)).toEqual(['theirs'])
    const status = { mounts: 0 }
    expect(await (await engine.volumes.get('theirs')).inspect()).toMatchObject({ Driver: 'disk', Status: status })
  })

  test.each<[string, (run: RunBuilder) => RunBuilder]>([
    ['no driver', (run) => run.volume('theirs:/data')],
    ['its driver', (run) => run.volume('theirs:/data').volumeDriver('disk')],
  ])('is what a container of that name with %s gets, and no other is made', async (_, mounting) => {
    makeElsewhere('theirs')
    const container = await mounting(sh('cat /data/file')).create()
    const [mount] = (await container.inspect()).Mounts
    expect(mount).toMatchObject({ Name: 'theirs', Driver: 'disk' })
    await container.start()
    await container.wait()
    expect(await container.logs().text()).toBe('theirs')
    expect((await changes()).filter((change) => change.startsWith('Create'))).toEqual([])
  })

  test('stays when a container that should have it cannot be made', async () => {
    makeElsewhere('theirs')
    await engine.run('busybox').name('taken').create()
    const again = engine.run('busybox').name('taken').volume('theirs:/data').volume('new:/new').volumeDriver('disk')
    await expect(again.create()).rejects.toEqual(code('NAME_IN_USE'))
    expect(Object.keys(plugin.mounts())).toEqual(['theirs'])
    expect(readFileSync(file('theirs'), 'utf8')).toBe('theirs')
  })

  test('is no reason to wait for a plugin that hangs: another is made then, as with Docker', async () => {
    await plugin.fault(hangs('Get'))
    const other = await impatient()
    expect((await (await other.volumes.create('mine')).inspect()).Driver).toBe('local')
  })
})

describe('a plugin that refuses', () => {
  test.each([
    ['volume', () => engine.volumes.create('data').driver('disk').then()],
    ['container', () => sleeper().create()],
  ])('to make a volume leaves none, and no container: a %s', async (_, make) => {
    await plugin.fault(refuses('Create', 'no room for it'))
    await expect(make()).rejects.toEqual(code('VOLUME_DRIVER_FAILED', 'create data: no room for it'))
    expect([await names(), await engine.containers.list({ all: true })]).toEqual([[], []])
    await engine.volumes.create('data')
  })

  test('to mount leaves a container that can be started when it does not any more', async () => {
    const container = await sleeper().create()
    await plugin.fault(refuses('Mount', 'cannot mount'))
    const failure = code('VOLUME_DRIVER_FAILED', "error while mounting volume 'data': cannot mount")
    await expect(container.start()).rejects.toEqual(failure)
    expect((await container.inspect()).State.Status).toBe('created')
    await container.start()
    await container.remove({ force: true })
    const uses = [
      `Mount data ${run(container)}`,
      `Mount data ${run(container, 2)}`,
      `Unmount data ${run(container, 2)}`,
    ]
    expect((await changes()).slice(1)).toEqual(uses)
  })

  test('to unmount does not keep a container from ending: it is asked again with the next run', async () => {
    const container = await sleeper()
    await plugin.fault(refuses('Unmount', 'busy'))
    await container.kill()
    await container.wait()
    await container.start()
    expect(plugin.mounts().data?.sort()).toEqual([run(container, 1), run(container, 2)])
    await container.remove({ force: true })
    expect(plugin.mounts()).toEqual({ data: [] })
  })

  test('to unmount is asked again when the root is opened', async () => {
    const container = await sleeper()
    await plugin.fault(refuses('Unmount', 'busy'))
    await container.remove({ force: true })
    expect(plugin.mounts()).toEqual({ data: [run(container)] })
    others.push(await host.reopen())
    expect(plugin.mounts()).toEqual({ data: [] })
  })

  test('to remove keeps its volume, with force too', async () => {
    const data = await engine.volumes.create('data').driver('disk')
    for (const force of [false, true]) {
      await plugin.fault(refuses('Remove', 'will not go'))
      await expect(data.remove({ force })).rejects.toEqual(code('VOLUME_DRIVER_FAILED', 'remove data: will not go'))
      expect(await names()).toEqual(['data'])
    }
    await data.remove()
    expect(plugin.mounts()).toEqual({})
  })

  test('to remove the volume of an rm container is asked again when the root is opened', async () => {
    await plugin.fault(refuses('Remove', 'will not go'))
    await sh('true').volume('/data').volumeDriver('disk').rm().output()
    await expect.poll(async () => (await changes()).at(-1)).toMatch('Remove')
    expect(Object.keys(plugin.mounts())).toHaveLength(1)
    others.push(await host.reopen())
    expect(plugin.mounts()).toEqual({})
  })
})

describe('a plugin that hangs', () => {
  test('while it makes a volume is given up, and what it may have made is removed', async () => {
    const other = await impatient()
    await plugin.fault({ ...hangs('Create'), times: 1 })
    const failure = code('VOLUME_DRIVER_FAILED', 'create data: VolumeDriver.Create: volume driver disk did not answer')
    const run = other.run('busybox').volume('data:/data').volumeDriver('disk')
    await expect(run.create()).rejects.toEqual(failure)
    expect([await names(), await engine.containers.list({ all: true })]).toEqual([[], []])
    expect(await changes()).toEqual(['Create data', 'Remove data'])
  })

  test('while it makes and removes a volume has it removed when the root is opened', async () => {
    const other = await impatient()
    await plugin.fault({ on: 'Create', times: 1, effect: { kind: 'die', when: 'after' } })
    await expect(other.volumes.create('data').driver('disk').then()).rejects.toEqual(code('VOLUME_DRIVER_FAILED'))
    expect(await (await impatient()).volumes.list().then((list) => list.map(({ name }) => name))).toEqual([])
    await plugin.restart()
    expect(Object.keys(plugin.mounts())).toEqual(['data'])
    others.push(await host.reopen())
    expect(plugin.mounts()).toEqual({})
    expect(await changes()).toEqual(['Remove data'])
  })

  test('while it mounts is given up: the container can be started later, and is mounted for one run', async () => {
    const other = await impatient()
    const { id } = await sleeper().create()
    const container = await other.containers.get(id)
    await plugin.fault({ ...hangs('Mount'), times: 1 })
    await expect(container.start()).rejects.toEqual(code('VOLUME_DRIVER_FAILED', "error while mounting volume 'data'"))
    expect((await changes()).slice(1)).toEqual([`Mount data ${run(container)}`, `Unmount data ${run(container)}`])
    await container.start()
    expect(plugin.mounts()).toEqual({ data: [run(container, 2)] })
    await container.remove({ force: true })
    expect(plugin.mounts()).toEqual({ data: [] })
  })

  test('while it unmounts keeps no container from being removed, nor another from running', async () => {
    const container = await sleeper()
    await plugin.fault(hangs('Unmount'))
    const began = performance.now()
    await container.remove({ force: true })
    expect(performance.now() - began).toBeLessThan(30_000)
    expect((await sh('echo fine').volume('other:/other').rm().output()).stdout).toBe('fine\n')
    await plugin.restart()
    await expect.poll(async () => (await host.reopen()).close().then(() => plugin.mounts())).toEqual({ data: [] })
  })

  test('while it removes is given up, and its volume stays; pruning does not come near it', async () => {
    const other = await impatient()
    await engine.volumes.create('data').driver('disk')
    await plugin.fault(hangs('Remove'))
    await expect((await other.volumes.get('data')).remove()).rejects.toEqual(
      code('VOLUME_DRIVER_FAILED', 'remove data'),
    )
    expect(await other.volumes.prune({ all: true })).toEqual({ deleted: [], spaceReclaimed: 0 })
    expect(await names()).toEqual(['data'])
  })

  test('while it lists has its failure told beside what is known', async () => {
    await engine.volumes.create('data').driver('disk')
    const other = await impatient()
    await plugin.fault(hangs('List'))
    const listed = await other.volumes.list()
    expect(listed.map(({ name }) => name)).toEqual(['data'])
    expect(listed.warnings).toEqual([code('VOLUME_DRIVER_FAILED', 'VolumeDriver.List')])
  })

  test('keeps no root from being opened or closed: what it has to undo goes on meanwhile', async () => {
    await plugin.fault(refuses('Unmount', 'busy'))
    await (await sleeper()).remove({ force: true })
    await plugin.fault(hangs('Unmount'))
    await plugin.fault(hangs('Remove'))
    const began = performance.now()
    const other = await Engine.open(roots)
    const opened = performance.now()
    expect(opened - began).toBeGreaterThan(4900)
    expect((await other.run('busybox', ['echo', 'fine']).rm().output()).stdout).toBe('fine\n')
    const closing = performance.now()
    await other.close()
    expect([opened - began < 30_000, performance.now() - closing < 5000]).toEqual([true, true])
    await plugin.restart()
    others.push(await host.reopen())
    expect(plugin.mounts()).toEqual({ data: [] })
  })
})

test('a volume whose plugin is gone for ever stays, until it is removed with force', async () => {
  const data = await engine.volumes.create('data').driver('disk')
  const socket = join(directory, 'run/disk.sock')
  renameSync(socket, `${socket}.aside`)
  const other = await impatient()
  const failure = code('VOLUME_DRIVER_NOT_FOUND', 'plugin "disk" not found')
  await expect((await other.volumes.get('data')).remove()).rejects.toEqual(failure)
  expect((await other.volumes.list()).map(({ name }) => name)).toEqual(['data'])
  await (await other.volumes.get('data')).remove({ force: true })
  expect((await other.volumes.list()).map(({ name }) => name)).toEqual([])
  renameSync(`${socket}.aside`, socket)
  await data.remove()
})
