import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
let web: Container
let ended: Container
let never: Container
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  never = await engine.run('busybox', ['true']).name('never').label({ stage: 'ci' }).expose('90').create()
  ended = await engine.run('busybox', ['sh', '-c', 'echo 12345 > /f; exit 3']).name('ended').create()
  await ended.start()
  await ended.wait()
  web = await engine
    .run('busybox', ['sh', '-c', 'sleep 1000 & exec sleep 2000'])
    .name('web')
    .memory('64m')
    .publish('80')
    .volume('data:/data')
    .label({ stage: 'prod' })
  // A shell before that.
  const areSleeping = async () => {
    const commands = (await web.top('-eo pid,args')).processes.map(([, command = '']) => command)
    return commands.length === 2 && commands.every((command) => command.startsWith('sleep '))
  }
  await vi.waitUntil(areSleeping, { timeout: 30_000, interval: 10 })
})
afterAll(() => host[Symbol.asyncDispose]())

const names = async (options: Parameters<Engine['containers']['list']>[0]) =>
  (await engine.containers.list(options)).map(({ name }) => name)

describe('list', () => {
  it('has what runs, newest first; with all, or a limit, also others', async () => {
    expect(await names({})).toEqual(['web'])
    expect(await names({ all: true })).toEqual(['web', 'ended', 'never'])
    expect(await names({ limit: 2 })).toEqual(['web', 'ended'])
    expect(await names({ limit: 0 })).toEqual(['web'])
  })

  // biome-ignore format: a table
  it.each<[NonNullable<Parameters<Engine['containers']['list']>[0]>, string[]]>([
    [{ filters: { status: 'exited' } }, ['ended']],
    [{ filters: { status: ['created', 'running'] } }, ['web', 'never']],
    [{ all: true, filters: { name: '^(ne|en)' } }, ['ended', 'never']],
    [{ all: true, filters: { name: '^/web$' } }, ['web']],
    [{ all: true, filters: { name: '[' } }, []],
    [{ all: true, filters: { exited: 3 } }, ['ended']],
    [{ all: true, filters: { exited: [0, 137] } }, []],
    [{ filters: { exited: 3 } }, []],
    [{ all: true, filters: { label: 'stage' } }, ['web', 'never']],
    [{ all: true, filters: { label: ['stage', 'stage=ci'] } }, ['never']],
    [{ all: true, filters: { before: 'web' } }, ['ended', 'never']],
    [{ all: true, filters: { since: 'never' } }, ['web', 'ended']],
    [{ all: true, filters: { since: 'never', before: 'web' } }, ['ended']],
    [{ all: true, filters: { ancestor: 'busybox' } }, ['web', 'ended', 'never']],
    [{ all: true, filters: { ancestor: ['nope'] } }, []],
    [{ filters: { volume: 'data' } }, ['web']],
    [{ filters: { volume: ['nope', '/data'] } }, ['web']],
    [{ all: true, filters: { volume: '/nope' } }, []],
    [{ all: true, filters: { network: 'bridge' } }, ['web', 'ended', 'never']],
    [{ all: true, filters: { network: 'none' } }, []],
    [{ all: true, filters: { publish: 80 } }, ['web']],
    [{ all: true, filters: { publish: '80/udp' } }, []],
    [{ all: true, filters: { expose: '80-90/tcp' } }, ['web', 'never']],
    [{ all: true, filters: { health: 'none' } }, ['web', 'ended', 'never']],
    [{ all: true, filters: { health: 'healthy' } }, []],
    [{ all: true, filters: { isTask: true } }, []],
    [{ all: true, filters: { isTask: false }, limit: 1 }, ['web']],
  ])('%j lists %j', async (options, expected) => {
    expect(await names(options)).toEqual(expected)
  })

  it('finds one by a prefix of its id, but none by what several ids begin with', async () => {
    expect(await names({ filters: { id: web.id.slice(0, 20) } })).toEqual(['web'])
    expect(await names({ all: true, filters: { id: '' } })).toEqual([])
  })

  it('tells images that were committed from another as its descendants', async () => {
    const image = await web.commit('child')
    const child = await engine.run('child', ['true']).name('child').create()
    expect(await names({ all: true, filters: { ancestor: 'child' } })).toEqual(['child'])
    expect(await names({ all: true, filters: { ancestor: 'busybox' } })).toEqual(['child', 'web', 'ended', 'never'])
    await child.remove()
    await image.remove()
  })

  // In Docker's words.
  // biome-ignore format: a table
  it.each<[object, string]>([
    [{ status: 'foo' }, "Invalid filter 'status=foo'"],
    [{ health: 'foo' }, 'Unrecognised filter value for health: foo'],
    [{ publish: '80:80' }, "filter for 'publish' should not contain ':': 80:80"],
    [{ publish: 'x' }, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'],
    [{ expose: '1-99999' }, 'error while looking up for expose 1-99999: strconv.ParseUint: parsing "99999": value out of range'],
    [{ publish: '90-80' }, 'error while looking up for publish 90-80: Invalid range specified for the Port: 90-80'],
    [{ publish: '' }, 'error while looking up for publish : Empty string specified for ports.'],
    [{ isTask: 'x' }, "Invalid filter 'is-task=[x]'"],
    [{ foo: 'bar' }, "Invalid filter 'foo'"],
  ])('%j is refused: %s', async (filters, message) => {
    const refused = engine.containers.list({ filters })
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(message) })
  })

  it('refuses a container that there is not', async () => {
    const refused = engine.containers.list({ filters: { before: 'nope' } })
    await expect(refused).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  })

  it("has Docker's words for each state, and sizes where they are asked for", async () => {
    const [first, second, third] = await engine.containers.list({ all: true, size: true })
    expect(first).toMatchObject({
      state: 'running',
      status: expect.stringMatching(/^Up (?:Less than a second|\d+ seconds?|About a minute|\d+ minutes)$/),
      command: "sh -c 'sleep 1000 & exec sleep 2000'",
      mounts: [{ type: 'volume', name: 'data', destination: '/data', readOnly: false }],
      image: 'busybox',
    })
    expect(second).toMatchObject({ status: expect.stringMatching(/^Exited \(3\) .* ago$/), exitCode: 3, sizeRw: 6 })
    expect(third).toMatchObject({ state: 'created', status: 'Created', exitCode: undefined, sizeRw: 0 })
  })

  it('tells an image by its ID when its name is another one’s', async () => {
    const image = await engine.images.get('busybox')
    await image.tag('moved')
    const container = await engine.run('moved', ['true']).name('of-moved').create()
    const other = await ended.commit('moved')
    const [line] = await engine.containers.list({ all: true, filters: { name: 'of-moved' } })
    expect(line).toMatchObject({ image: image.id, imageId: image.id })
    await container.remove()
    await other.remove()
  })
})

describe('inspect', () => {
  it('has sizes where they are asked for', async () => {
    const size = await ended.inspect({ size: true })
    expect(size.SizeRootFs).toBe((size.SizeRw ?? 0) + (await (await engine.images.get('busybox')).inspect()).Size)
    expect(size.SizeRw).toBe(6)
    expect(await ended.inspect()).not.toHaveProperty('SizeRw')
  })
})

describe('top', () => {
  it('tells the processes by their ids on the host, with names of its users, in another process too', async () => {
    const { State } = await web.inspect()
    const { titles, processes } = await web.top()
    expect(titles).toEqual(['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
    expect(processes).toHaveLength(2)
    expect(processes[0]).toMatchObject(
      ['root', String(State.Pid), /^\d+$/, /^\d+$/, /./, '?', /^[\d:]+$/, 'sleep 2000'].map(like),
    )
    const elsewhere = await inAnotherProcess<string[][]>(
      host,
      `return (await (await engine.containers.get('web')).top('-eo pid,ppid,args')).processes`,
    )
    expect(elsewhere).toEqual([
      [String(State.Pid), expect.any(String), 'sleep 2000'],
      [expect.any(String), String(State.Pid), 'sleep 1000'],
    ])
  })

  it('refuses one that does not run', async () => {
    await expect(ended.top()).rejects.toMatchObject({
      code: 'INVALID_STATE',
      message: `Container ${ended.id} is not running`,
    })
  })
})

const like = (value: string | RegExp) => (typeof value === 'string' ? value : expect.stringMatching(value))

describe('stats', () => {
  it('measures memory against the limit, processes, and the network', async () => {
    const stats = await web.stats({ oneShot: true })
    expect(stats).toMatchObject({ name: 'web', memoryLimit: 64 * 1024 * 1024, pids: 2, netTx: expect.any(Number) })
    expect(stats.memoryUsage).toBeGreaterThan(0)
    expect(stats.document).toMatchObject({ preread: '0001-01-01T00:00:00Z', networks: { eth0: {} } })
  })

  it('has a share of the CPUs of a container that is busy', async () => {
    const busy = await engine.run('busybox', ['sh', '-c', 'while :; do :; done']).rm()
    const { cpuPercent, document } = await busy.stats()
    expect(cpuPercent).toBeGreaterThan(0)
    expect(document.precpu_stats.cpu_usage.total_usage).toBeGreaterThan(0)
    await busy.remove({ force: true })
  })

  it('of one that does not run is nothing, at once', async () => {
    const { document, ...figures } = await never.stats()
    expect(document).toMatchObject({ id: never.id, name: '/never', memory_stats: {} })
    expect(figures).toMatchObject({ readAt: undefined, cpuPercent: 0, memoryUsage: 0, pids: 0 })
  })

  it('stream until the container is removed', async () => {
    const container = await engine.run('busybox', ['sleep', '1000'])
    const pids: number[] = []
    for await (const stats of container.stats({ stream: true })) {
      pids.push(stats.pids)
      if (pids.length === 1) await container.stop({ timeoutMs: 0 })
      if (pids.length === 2) await container.remove()
    }
    expect(pids).toEqual([1, 0])
  })

  it('stream until they are aborted', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const stream = web.stats({ stream: true, signal: controller.signal })
    await stream.next()
    const next = stream.next()
    controller.abort(reason)
    await expect(next).rejects.toBe(reason)
  })
})

describe('the engine', () => {
  it('tells of itself and its host', async () => {
    expect(await engine.info()).toMatchObject({
      Containers: 3,
      ContainersRunning: 1,
      ContainersPaused: 0,
      ContainersStopped: 2,
      Images: 1,
      DockerRootDir: engine.root,
      OSType: 'linux',
      MemTotal: expect.any(Number),
      DefaultAddressPools: expect.arrayContaining([{ Base: '172.17.0.0/16', Size: 16 }]),
      Warnings: expect.any(Array),
    })
    expect(await engine.version()).toMatchObject({
      Version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      Os: 'linux',
      Components: [{ Name: 'Engine' }, { Name: 'Node.js', Version: process.versions.node }],
    })
  })

  it('sums up what is on the disk', async () => {
    const { summary, layersSize } = await engine.diskUsage()
    expect(summary).toEqual({
      images: { total: 1, active: 1, size: layersSize, reclaimable: 0 },
      containers: { total: 3, active: 1, size: 6, reclaimable: 6 },
      volumes: { total: 1, active: 1, size: 0, reclaimable: 0 },
      buildCache: { total: 0, active: 0, size: 0, reclaimable: 0 },
    })
  })

  it('prunes containers by labels and age', async () => {
    await expect(engine.containers.prune({ filters: { until: '24h' } })).resolves.toEqual({
      deleted: [],
      spaceReclaimed: 0,
    })
    await expect(engine.containers.prune({ filters: { label: 'stage=ci' } })).resolves.toEqual({
      deleted: [never.id],
      spaceReclaimed: 0,
    })
    const refused = engine.containers.prune({ filters: { foo: 'bar' } as object })
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('prunes all that nobody uses, in one go', async () => {
    const refused = engine.prune({ volumes: true, filters: { until: '1h' } })
    await expect(refused).rejects.toThrow('The "until" filter is not supported with "--volumes"')
    await engine.networks.create('unused')
    await engine.volumes.create()
    const { containers, networks, volumes, spaceReclaimed } = await engine.prune({ volumes: true })
    expect({ containers, networks, spaceReclaimed }).toEqual({
      containers: [ended.id],
      networks: ['unused'],
      spaceReclaimed: 6,
    })
    expect(volumes).toHaveLength(1)
    expect(await names({ all: true })).toEqual(['web'])
  })
})
