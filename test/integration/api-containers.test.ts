import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi(['busybox'])
})

afterEach(async () => {
  for (const { id } of await api.engine.containers.list({ all: true }))
    await (await api.engine.containers.get(id)).remove({ force: true, volumes: true })
})

afterAll(() => api[Symbol.asyncDispose]())

const sleeping = (name: string, options = {}) =>
  api.engine.run('busybox', ['sleep', '1000'], { name, stopTimeout: 0, ...options })
const post = (path: string, body?: unknown) => api.request('POST', `/v1.41${path}`, body)

test('a list tells what runs, as Docker does', async () => {
  const { id } = await sleeping('web', {
    publish: ['127.0.0.1:0:80'],
    expose: [90],
    label: { a: 'b' },
    volume: ['/data'],
  })
  await sleeping('idle').create()
  const { status, document } = await api.request('GET', '/containers/json')
  expect(status).toBe(200)
  expect(document).toEqual([
    {
      Id: id,
      Names: ['/web'],
      Image: 'busybox',
      ImageID: expect.stringMatching(/^sha256:[a-f0-9]{64}$/),
      Command: 'sleep 1000',
      Created: expect.closeTo(Date.now() / 1000, -2),
      Ports: [
        { IP: '127.0.0.1', PrivatePort: 80, PublicPort: expect.any(Number), Type: 'tcp' },
        { PrivatePort: 90, Type: 'tcp' },
      ],
      Labels: { a: 'b' },
      State: 'running',
      Status: expect.stringMatching(/^Up /),
      HostConfig: { NetworkMode: 'bridge' },
      NetworkSettings: {
        Networks: {
          bridge: {
            IPAMConfig: null,
            Links: null,
            Aliases: null,
            NetworkID: expect.stringMatching(/^[a-f0-9]{64}$/),
            EndpointID: expect.stringMatching(/^[a-f0-9]{64}$/),
            Gateway: expect.stringMatching(/^172\.\d+\.\d+\.1$/),
            IPAddress: expect.stringMatching(/^172\./),
            IPPrefixLen: 16,
            IPv6Gateway: '',
            GlobalIPv6Address: '',
            GlobalIPv6PrefixLen: 0,
            MacAddress: expect.stringMatching(/^02:42:/),
            DriverOpts: null,
            DNSNames: null,
          },
        },
      },
      Mounts: [
        {
          Type: 'volume',
          Name: expect.stringMatching(/^[a-f0-9]{64}$/),
          Source: '',
          Destination: '/data',
          Driver: 'local',
          Mode: '',
          RW: true,
          Propagation: '',
        },
      ],
    },
  ])
})

test('sizes are told where they are asked for', async () => {
  await api.engine.run('busybox', ['sh', '-c', 'echo 12345 > /f'], { name: 'writer' }).output()
  const { document: list } = await api.request('GET', '/containers/json?all=1&size=true')
  expect(list).toMatchObject([{ SizeRw: 6, SizeRootFs: expect.any(Number) }])
  const { document: inspected } = await api.request('GET', '/containers/writer/json?size=1')
  expect(inspected).toMatchObject({ SizeRw: 6, SizeRootFs: list[0].SizeRootFs })
  expect((await api.request('GET', '/containers/writer/json')).document).not.toHaveProperty('SizeRw')
})

describe('filters', () => {
  const listed = async (filters: object, more = '') => {
    const { document } = await api.request(
      'GET',
      `/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}${more}`,
    )
    return document.map?.(({ Names }: { Names: string[] }) => Names[0]) ?? document
  }

  test('are read in both of their shapes', async () => {
    await sleeping('one', { label: { kind: 'x' } })
    await sleeping('two', { label: { kind: 'y' } })
    expect(await listed({ label: ['kind=x'] })).toEqual(['/one'])
    expect(await listed({ label: { 'kind=y': true } })).toEqual(['/two'])
    expect(await listed({ name: { two: true }, label: [] })).toEqual(['/two'])
    expect(await listed({ since: ['one'] })).toEqual(['/two'])
    expect(await listed({ before: ['two'], 'is-task': ['false'] })).toEqual(['/one'])
    expect(await listed({ network: ['bridge'], isolation: ['default'] }, '&limit=1')).toEqual(['/two'])
  })

  test('tell those that have ended by their exit codes', async () => {
    await api.engine.run('busybox', ['sh', '-c', 'exit 3'], { name: 'three' }).output()
    await api.engine.run('busybox', ['true'], { name: 'none' }).output()
    expect(await listed({ exited: ['3'] }, '&all=1')).toEqual(['/three'])
    expect(await listed({ status: ['exited'] })).toEqual(['/none', '/three'])
  })

  test.each([
    [{ foo: ['a'] }, 400, /^Invalid filter 'foo'/],
    [{ status: ['foo'] }, 400, /^Invalid filter 'status=foo'/],
    [{ exited: ['a'] }, 400, /^invalid filter 'exited=a'/],
    [{ 'is-task': ['a'] }, 400, /^Invalid filter 'is-task=\[a\]'/],
    [{ since: ['nope'] }, 404, /^No such container: nope/],
  ])('%j is refused', async (filters, status, message) => {
    const { document, status: told } = await api.request(
      'GET',
      `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`,
    )
    expect({ status: told, message: document.message }).toEqual({ status, message: expect.stringMatching(message) })
  })
})

test.each([
  ['GET', '/containers/nope/json'],
  ['POST', '/containers/nope/stop'],
  ['POST', '/containers/nope/kill'],
  ['POST', '/containers/nope/rename?name=other'],
  ['GET', '/containers/nope/top'],
  ['GET', '/containers/nope/stats'],
  ['GET', '/containers/nope/stats?stream=0'],
  ['GET', '/containers/nope/changes'],
  ['GET', '/containers/nope/export'],
  ['GET', '/containers/nope/archive?path=/'],
  ['POST', '/containers/nope/update'],
  ['DELETE', '/containers/nope'],
  ['POST', '/commit?container=nope'],
])('%s %s is 404', async (method, path) => {
  const body = path.endsWith('update') ? {} : undefined
  expect(await api.request(method, path, body)).toMatchObject({
    status: 404,
    document: { message: 'No such container: nope' },
  })
})

test('what is stopped is not stopped again', async () => {
  await sleeping('one')
  expect(await post('/containers/one/stop?t=0')).toMatchObject({ status: 204, text: '' })
  expect(await post('/containers/one/stop?t=0')).toMatchObject({ status: 304, text: '' })
  expect((await api.request('GET', '/containers/one/json')).document.State).toMatchObject({
    Status: 'exited',
    ExitCode: 137,
  })
})

test('a program is asked to stop with the signal that is given', async () => {
  const told = await api.engine.run(
    'busybox',
    ['sh', '-c', 'trap "exit 7" USR1; echo up; while :; do sleep 0.01; done'],
    {
      name: 'one',
      restart: 'always',
    },
  )
  for await (const _ of told.logs({ follow: true })) break
  expect(await post('/containers/one/stop?signal=SIGUSR1&t=30')).toMatchObject({ status: 204 })
  expect((await told.inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 7 })
  expect(await post('/containers/one/stop?signal=SIGFOO')).toMatchObject({ status: 304 })
})

test('a container is paused and goes on, is killed and restarted', async () => {
  const container = await sleeping('one')
  const state = async () => (await container.inspect()).State.Status
  expect(await post('/containers/one/pause')).toMatchObject({ status: 204 })
  expect(await state()).toBe('paused')
  expect(await post('/containers/one/pause')).toMatchObject({
    status: 409,
    document: { message: expect.stringMatching(/is already paused/) },
  })
  expect(await post('/containers/one/unpause')).toMatchObject({ status: 204 })
  expect(await post('/containers/one/kill?signal=FOO')).toMatchObject({
    status: 400,
    document: { message: expect.stringMatching(/^Invalid signal: FOO/) },
  })
  expect(await post('/containers/one/kill')).toMatchObject({ status: 204 })
  expect(await state()).toBe('exited')
  expect(await post('/containers/one/kill')).toMatchObject({
    status: 409,
    document: { message: expect.stringMatching(/^Cannot kill container: one: Container [a-f0-9]{64} is not running/) },
  })
  expect(await post('/containers/one/restart?t=0')).toMatchObject({ status: 204 })
  expect(await state()).toBe('running')
})

test('a container gets another name', async () => {
  const { id } = await sleeping('one').create()
  await sleeping('two').create()
  expect(await post('/containers/one/rename?name=/three')).toMatchObject({ status: 204 })
  expect((await api.request('GET', '/containers/three/json')).document).toMatchObject({ Id: id, Name: '/three' })
  expect(await post('/containers/three/rename?name=three')).toMatchObject({
    status: 400,
    document: { message: 'Renaming a container with the same name as its current name' },
  })
  expect(await post('/containers/three/rename?name=two')).toMatchObject({
    status: 409,
    document: {
      message: expect.stringMatching(
        /^Error when allocating new name: Conflict. The container name "\/two" is already in use by container/,
      ),
    },
  })
  expect(await post('/containers/three/rename')).toMatchObject({
    status: 400,
    document: { message: 'Neither old nor new names may be empty' },
  })
})

test('limits and the restart policy are changed', async () => {
  await sleeping('one')
  const body = {
    Memory: 67_108_864,
    MemorySwap: -1,
    CpuShares: 512,
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
  }
  expect(await post('/containers/one/update', body)).toMatchObject({ status: 200, document: { Warnings: [] } })
  expect((await api.request('GET', '/containers/one/json')).document.HostConfig).toMatchObject(body)
  expect(await post('/containers/one/update', { Memory: 4 })).toMatchObject({
    status: 400,
    document: { message: expect.stringMatching(/^Minimum memory limit allowed is 6MB/) },
  })
})

test('a running container is removed by force only', async () => {
  const { id } = await sleeping('one', { volume: ['/data'] })
  expect(await api.request('DELETE', '/containers/one')).toMatchObject({
    status: 409,
    document: { message: expect.stringMatching(`^You cannot remove a running container ${id}`) },
  })
  expect(await api.request('DELETE', '/containers/one?force=1&v=1')).toMatchObject({ status: 204, text: '' })
  expect(await api.engine.containers.list({ all: true })).toEqual([])
  expect(await api.engine.volumes.list()).toHaveLength(0)
})

test('what does not run is pruned, but for what filters keep', async () => {
  const { id } = await sleeping('old').create()
  await sleeping('kept', { label: { keep: '' } }).create()
  await sleeping('up')
  const filters = encodeURIComponent(JSON.stringify({ 'label!': { keep: true } }))
  expect(await post(`/containers/prune?filters=${filters}`)).toMatchObject({
    status: 200,
    document: { ContainersDeleted: [id], SpaceReclaimed: 0 },
  })
  expect(await post(`/containers/prune?filters=${filters}`)).toMatchObject({
    document: { ContainersDeleted: null, SpaceReclaimed: 0 },
  })
  expect(await post('/containers/prune?filters={"foo":["a"]}')).toMatchObject({ status: 400 })
})

test('processes are told by columns of ps', async () => {
  await sleeping('one')
  const { document } = await api.request('GET', '/containers/one/top?ps_args=-o%20pid,user,args')
  expect(document).toEqual({
    Titles: ['PID', 'USER', 'COMMAND'],
    Processes: [[expect.stringMatching(/^\d+$/), 'root', 'sleep 1000']],
  })
  const { document: all } = await api.request('GET', '/containers/one/top')
  expect(all.Titles).toEqual(['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
})

test('figures come once, or until the client leaves', async () => {
  const { id } = await sleeping('one')
  const { document } = await api.request('GET', '/containers/one/stats?stream=false&one-shot=true')
  expect(document).toMatchObject({ id, name: '/one', pids_stats: { current: 1 }, preread: '0001-01-01T00:00:00Z' })
  const removed = setTimeout(() => void api.request('DELETE', '/containers/one?force=1'), 1500)
  const { text } = await api.request('GET', '/containers/one/stats')
  clearTimeout(removed)
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.length).toBeGreaterThan(1)
  expect(lines[1].preread).toBe(lines[0].read)
})

describe.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s', (program) => {
  const docker = (...args: string[]) => command(program, args, { env: api.env })

  test('makes, lists, inspects, stops, renames and removes a container', async () => {
    expect(await docker('create', '--name', 'one', '--stop-timeout', '0', 'busybox', 'sleep', '1000')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[a-f0-9]{64}\n$/),
    })
    await (await api.engine.containers.get('one')).start()
    expect(await docker('ps', '--format', '{{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Networks}}')).toMatchObject(
      {
        stdout: 'one busybox "sleep 1000" running bridge\n',
      },
    )
    expect(await docker('inspect', '-f', '{{.Name}} {{.State.Status}} {{.Config.Cmd}}', 'one')).toMatchObject({
      stdout: '/one running [sleep 1000]\n',
    })
    expect(await docker('top', 'one', '-o', 'pid,args')).toMatchObject({
      stdout: expect.stringMatching(/^PID +COMMAND\n\d+ +sleep 1000\n$/),
    })
    expect(await docker('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}')).toMatchObject({ stdout: 'one 1\n' })
    expect(await docker('update', '--restart', 'always', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await docker('pause', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await docker('unpause', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await docker('restart', '-t', '0', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await docker('stop', 'one')).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await docker('rename', 'one', 'two')).toMatchObject({ code: 0 })
    expect(await docker('ps', '-aq', '--filter', 'name=two')).toMatchObject({
      stdout: expect.stringMatching(/^.{12}\n$/),
    })
    expect(await docker('rm', 'two')).toMatchObject({ code: 0, stdout: 'two\n' })
    expect(await docker('rm', 'two')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No such container: two'),
    })
  })
})
