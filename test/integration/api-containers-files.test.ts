import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi
let container: Container

const script = 'mkdir /q && echo hi >/q/f && ln -s /q/f /q/l && chmod 4711 /q/f && rm /etc/passwd && sleep 1000'

beforeAll(async () => {
  api = await testApi(['busybox'])
  container = await api.engine.run('busybox', ['sh', '-c', `${script} & echo up; wait`], {
    name: 'one',
    stopTimeout: 0,
  })
  for await (const _ of container.logs({ follow: true })) break
  await container.exec(['sh', '-c', 'until [ -f /q/f ] && [ ! -f /etc/passwd ]; do :; done'])
})

afterAll(() => api[Symbol.asyncDispose]())

const statOf = (header: unknown) => JSON.parse(Buffer.from(String(header), 'base64').toString())
const header = 'x-docker-container-path-stat'

// The bits of Go's FileMode.
test.each([
  ['/q', { name: 'q', size: 4096, mode: 2 ** 31 + 0o755, linkTarget: '' }],
  ['/q/f', { name: 'f', size: 3, mode: 2 ** 23 + 0o711, linkTarget: '' }],
  ['/q/l', { name: 'l', size: 4, mode: 2 ** 27 + 0o777, linkTarget: '/q/f' }],
  ['/dev/null', { name: 'null', size: 0, mode: 2 ** 26 + 2 ** 21 + 0o666, linkTarget: '' }],
])('what %s is, is told in a header', async (path, stat) => {
  const { status, headers, text } = await api.request('HEAD', `/containers/one/archive?path=${path}`)
  expect({ status, text }).toEqual({ status: 200, text: '' })
  expect(statOf(headers[header])).toEqual({
    ...stat,
    size: expect.any(Number),
    mtime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  })
  if (path === '/q/f') expect(statOf(headers[header]).size).toBe(stat.size)
})

test('a file is had as an archive', async () => {
  const { status, headers, text } = await api.request('GET', '/containers/one/archive?path=/q/f')
  expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/x-tar' })
  expect(statOf(headers[header])).toMatchObject({ name: 'f', size: 3 })
  expect(text).toContain('hi\n')
})

test.each([
  ['GET', '/containers/one/archive?path=/nope', 404, /^Could not find the file \/nope in container one/],
  ['GET', '/containers/one/archive', 400, /path/],
  ['PUT', '/containers/one/archive?path=/nope', 404, /^Could not find the file \/nope in container one/],
  ['PUT', '/containers/one/archive?path=/q/f', 400, /^extraction point is not a directory/],
])('%s %s is refused', async (method, path, status, message) => {
  const body = method === 'PUT' ? new Uint8Array(3_000_000) : undefined
  const answer = await api.request(method, path, body)
  expect({ status: answer.status, message: answer.document.message }).toEqual({
    status,
    message: expect.stringMatching(message),
  })
})

test('changes are told by their kinds', async () => {
  expect((await api.request('GET', '/containers/one/changes')).document).toEqual(
    expect.arrayContaining([
      { Path: '/etc', Kind: 0 },
      { Path: '/etc/passwd', Kind: 2 },
      { Path: '/q', Kind: 1 },
      { Path: '/q/f', Kind: 1 },
    ]),
  )
  const unchanged = await api.engine.run('busybox').create()
  expect(await api.request('GET', `/containers/${unchanged.id}/changes`)).toMatchObject({ text: 'null\n' })
  await unchanged.remove()
})

test('all files are exported', async () => {
  const { status, headers, text } = await api.request('GET', '/containers/one/export')
  expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/octet-stream' })
  expect(text).toContain('q/f')
})

describe('commit', () => {
  test('makes an image with what the query says', async () => {
    const changes = ['CMD ["x"]', 'ENV A=1'].map((change) => `changes=${encodeURIComponent(change)}`).join('&')
    const { status, document } = await api.request(
      'POST',
      `/commit?container=one&repo=me/app&tag=1&comment=with+data&author=me&${changes}`,
    )
    expect({ status, document }).toEqual({
      status: 201,
      document: { Id: expect.stringMatching(/^sha256:[a-f0-9]{64}$/) },
    })
    const image = await (await api.engine.images.get('me/app:1')).inspect()
    expect(image).toMatchObject({ Id: document.Id, Author: 'me', Comment: 'with data' })
    expect(image.Config).toMatchObject({ Cmd: ['x'], Env: expect.arrayContaining(['A=1']) })
  })

  test('takes a configuration, which is filled up', async () => {
    const config = {
      Env: ['Z=1'],
      Entrypoint: ['/bin/sh'],
      Labels: { l: 'v' },
      ExposedPorts: { '80/tcp': {} },
      User: '7',
    }
    const { document } = await api.request('POST', '/commit?container=one', config)
    const { Config } = await (await api.engine.images.get(document.Id)).inspect()
    expect(Config).toMatchObject({ ...config, Env: expect.arrayContaining(['Z=1', expect.stringMatching(/^PATH=/)]) })
    // A new entrypoint has no command of the old one.
    expect(Config?.Cmd ?? null).toBeNull()
  })

  test('refuses names that are none', async () => {
    expect(await api.request('POST', '/commit?container=one&repo=BAD')).toMatchObject({ status: 400 })
  })
})

describe.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s', (program) => {
  const docker = (...args: string[]) => command(program, args, { env: api.env })

  test('copies files into a container and out of it', async () => {
    const directory = await mkdtemp('/tmp/ib-cp-')
    try {
      await writeFile(join(directory, 'in'), 'from the host')
      expect(await docker('cp', join(directory, 'in'), 'one:/q/')).toMatchObject({ code: 0 })
      expect(await docker('cp', 'one:/q/in', join(directory, 'out'))).toMatchObject({ code: 0 })
      expect(await readFile(join(directory, 'out'), 'utf8')).toBe('from the host')
      expect(await docker('cp', 'one:/q/.', join(directory, 'content'))).toMatchObject({ code: 0 })
      expect(await readFile(join(directory, 'content/f'), 'utf8')).toBe('hi\n')
      expect(await docker('cp', '-L', 'one:/q/l', join(directory, 'followed'))).toMatchObject({ code: 0 })
      expect(await readFile(join(directory, 'followed'), 'utf8')).toBe('hi\n')
      expect(await docker('cp', 'one:/', join(directory, 'all'))).toMatchObject({ code: 0 })
      expect(await readFile(join(directory, 'all/q/in'), 'utf8')).toBe('from the host')
      const refused = await docker('cp', join(directory, 'in'), 'one:/nope/x')
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/Could not find the file|No such container:path/),
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('copies an archive of its input', async () => {
    const { stdout } = await command('sh', ['-c', 'cd /etc && tar cz hostname | base64'])
    const args = ['cp', '-', 'one:/tmp']
    expect(await command(program, args, { env: api.env, stdin: Buffer.from(stdout, 'base64') })).toMatchObject({
      code: 0,
    })
    expect((await container.exec(['cat', '/tmp/hostname'])).stdout).toBe(await readFile('/etc/hostname', 'utf8'))
  })

  test('tells differences, exports and commits', async () => {
    expect((await docker('diff', 'one')).stdout).toMatch(/^A \/q\/f$/m)
    expect((await docker('export', 'one')).stdout).toContain('q/f')
    expect(await docker('commit', '-a', 'me', '-c', 'CMD ["y"]', 'one', 'me/app:2')).toMatchObject({ code: 0 })
    expect(await docker('inspect', '-f', '{{.Author}} {{.Config.Cmd}}', 'me/app:2')).toMatchObject({
      stdout: 'me [y]\n',
    })
  })
})
