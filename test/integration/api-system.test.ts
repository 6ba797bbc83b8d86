import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

const clients = ['/usr/bin/docker', '/usr/local/bin/docker']

let api: TestApi

beforeAll(async () => {
  api = await testApi()
  await api.engine.run('busybox', ['true']).name('done').volume('data:/data')
  await (await api.engine.containers.get('done')).wait()
})

afterAll(() => api[Symbol.asyncDispose]())

describe('info', () => {
  test.each(clients)('is printed by %s without a warning, and without a blank', async (docker) => {
    const { code, stdout, stderr } = await command(docker, ['info'], { env: api.env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const blank = stdout.split('\n').filter((line) => /^ \S.*: *$/.test(line))
    // They have lines below them, or there are none on this host.
    expect(blank.map((line) => line.trim())).toEqual(
      expect.not.arrayContaining(['containerd version:', 'runc version:', 'init version:', 'Server Version:']),
    )
    expect(stdout).toMatch(/Containers: 1\n {2}Running: 0\n {2}Paused: 0\n {2}Stopped: 1\n Images: 1\n/)
    expect(stdout).toContain('Swarm: inactive')
    expect(stdout).toContain(' 127.0.0.0/8')
  })
})

describe('ping', () => {
  test.each(['GET', 'HEAD'])('answers %s with which builder to use', async (method) => {
    const { status, headers, text } = await api.request(method, '/_ping')
    expect({ status, text }).toEqual({ status: 200, text: method === 'GET' ? 'OK' : '' })
    expect(headers).toMatchObject({
      'api-version': '1.47',
      'builder-version': '1',
      'docker-experimental': 'false',
      ostype: 'linux',
      swarm: 'inactive',
    })
  })
})

test.each(clients)('%s prints the version', async (docker) => {
  const { code, stdout } = await command(docker, ['version'], { env: api.env })
  expect(code).toBe(0)
  expect(stdout).toMatch(/Server: inboard\n Engine:\n {2}Version: +\d/)
  expect(stdout).toContain('(minimum version 1.24)')
  expect(stdout).toMatch(/Experimental: +false\n/)
  expect(stdout.match(/^ {2}.*: *$/gm)).toBeNull()
})

describe('the disk usage', () => {
  test('is told as 1.41 has it', async () => {
    const { status, document } = await api.request('GET', '/v1.41/system/df')
    expect(status).toBe(200)
    expect(document).toMatchObject({
      LayersSize: expect.any(Number),
      Images: [{ Containers: 1, RepoTags: ['busybox:latest'], VirtualSize: expect.any(Number) }],
      Containers: [{ Names: ['/done'], SizeRootFs: expect.any(Number), State: 'exited' }],
      Volumes: [{ Name: 'data', UsageData: { RefCount: 1, Size: 0 } }],
      BuildCache: [],
      BuilderSize: 0,
    })
  })

  test('is of what is asked for, since 1.42', async () => {
    const { document } = await api.request('GET', '/v1.47/system/df?type=volume&type=build-cache')
    expect(document).toEqual({
      LayersSize: 0,
      Images: null,
      Containers: null,
      Volumes: [expect.objectContaining({ Name: 'data' })],
      BuildCache: [],
    })
    const unknown = await api.request('GET', '/v1.47/system/df?type=nosuch')
    expect(unknown).toMatchObject({ status: 400, document: { message: expect.stringContaining('nosuch') } })
  })

  test.each(clients)('is printed by %s', async (docker) => {
    const { code, stdout } = await command(docker, ['system', 'df'], { env: api.env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/Images +1 +1 .*\nContainers +1 +0 .*\nLocal Volumes +1 +1 .*\nBuild Cache +0 +0 /)
    const verbose = await command(docker, ['system', 'df', '-v'], { env: api.env })
    expect(verbose).toMatchObject({ code: 0, stdout: expect.stringMatching(/data +1 +0B/) })
  })
})

describe('as a node of no swarm', () => {
  const manager =
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

  test.each([
    ['GET', '/swarm'],
    ['GET', '/swarm/unlockkey'],
    ['POST', '/swarm/unlock'],
    ['POST', '/swarm/update'],
    ['GET', '/nodes'],
    ['GET', '/nodes/x'],
    ['DELETE', '/nodes/x'],
    ['POST', '/nodes/x/update'],
    ['GET', '/services'],
    ['GET', '/services/x'],
    ['GET', '/services/x/logs'],
    ['POST', '/services/create'],
    ['POST', '/services/x/update'],
    ['DELETE', '/services/x'],
    ['GET', '/tasks'],
    ['GET', '/tasks/x'],
    ['GET', '/tasks/x/logs'],
    ['GET', '/secrets'],
    ['POST', '/secrets/create'],
    ['GET', '/configs'],
    ['POST', '/configs/create'],
    ['PUT', '/volumes/x'],
  ])('%s %s is refused', async (method, path) => {
    const answer = await api.request(method, path, method === 'POST' ? {} : undefined)
    expect(answer).toMatchObject({ status: 503, document: { message: manager } })
  })

  test('it becomes none, and leaves none', async () => {
    expect(await api.request('POST', '/swarm/init', {})).toMatchObject({ status: 501 })
    expect(await api.request('POST', '/swarm/join', {})).toMatchObject({ status: 501 })
    const left = await api.request('POST', '/swarm/leave')
    expect(left).toMatchObject({ status: 503, document: { message: 'This node is not part of a swarm' } })
  })

  test.each(clients)('%s is told so', async (docker) => {
    for (const args of [
      ['swarm', 'init', '--advertise-addr', '127.0.0.1'],
      ['node', 'ls'],
      ['service', 'create', 'x'],
    ]) {
      const { code, stderr } = await command(docker, args, { env: api.env })
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/swarm/) })
      expect(stderr).not.toContain('during connect')
    }
  })
})

describe('managed plugins', () => {
  test('there are none', async () => {
    expect(await api.request('GET', '/plugins')).toMatchObject({ status: 200, document: [] })
    const answer = await api.request('GET', '/plugins/vieux/sshfs:latest/json')
    expect(answer).toMatchObject({ status: 404, document: { message: 'plugin "vieux/sshfs:latest" not found' } })
    for (const [method, path] of [
      ['DELETE', '/plugins/x'],
      ['POST', '/plugins/a/x/enable?timeout=1'],
      ['POST', '/plugins/x/disable'],
      ['POST', '/plugins/x/push'],
      ['POST', '/plugins/x/upgrade?remote=x'],
    ] as const)
      expect(await api.request(method, path)).toMatchObject({ status: 404 })
  })

  test('and none can be had', async () => {
    expect(await api.request('GET', '/plugins/privileges?remote=x')).toMatchObject({ status: 501 })
    expect(await api.request('POST', '/plugins/pull?remote=x', [])).toMatchObject({ status: 501 })
  })
})

test.each([
  ['GET', '/containers/done/checkpoints'],
  ['POST', '/containers/done/checkpoints'],
  ['DELETE', '/containers/done/checkpoints/x'],
])('%s %s is an experiment that is not allowed', async (method, path) => {
  const answer = await api.request(method, path, method === 'POST' ? {} : undefined)
  expect(answer).toMatchObject({ status: 501, document: { message: expect.stringMatching(/^This experimental/) } })
})

test('who still sends a body is told why it is refused', async () => {
  const large = Buffer.alloc(12 * 1024 * 1024, ' ')
  const json = { 'Content-Type': 'application/json' }
  expect(await api.request('POST', '/swarm/init', large, json)).toMatchObject({ status: 501 })
  expect(await api.request('POST', '/volumes/create', large, json)).toMatchObject({ status: 413 })
})
