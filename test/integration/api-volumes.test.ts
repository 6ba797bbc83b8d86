import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi()
  await api.engine.run('busybox', ['true']).name('user').volume('used:/data')
  await (await api.engine.containers.get('user')).wait()
})

afterAll(() => api[Symbol.asyncDispose]())

const filters = (document: unknown) => `filters=${encodeURIComponent(JSON.stringify(document))}`
const namesOf = async (path: string) => {
  const { document } = await api.request('GET', path)
  return (document.Volumes as { Name: string }[]).map(({ Name }) => Name)
}

describe('a volume', () => {
  test('is made as it is asked for, once, and inspected', async () => {
    const asked = {
      Name: 'scratch',
      Driver: 'local',
      DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' },
      Labels: { stage: 'ci' },
    }
    const made = await api.request('POST', '/v1.41/volumes/create', asked)
    expect(made.status).toBe(201)
    expect(made.document).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      Driver: 'local',
      Labels: { stage: 'ci' },
      Mountpoint: `${api.engine.root}/volumes/scratch/_data`,
      Name: 'scratch',
      Options: asked.DriverOpts,
      Scope: 'local',
    })
    const again = await api.request('POST', '/volumes/create', { Name: 'scratch', Driver: '', DriverOpts: null })
    expect(again).toMatchObject({ status: 201, document: made.document })
    expect(await api.request('GET', '/volumes/scratch')).toMatchObject({ status: 200, document: made.document })
    expect(await api.request('DELETE', '/volumes/scratch')).toMatchObject({ status: 204, text: '' })
  })

  test('without a name is anonymous', async () => {
    const { status, document } = await api.request('POST', '/volumes/create', {})
    expect(status).toBe(201)
    expect(document).toMatchObject({
      Name: expect.stringMatching(/^[0-9a-f]{64}$/),
      Labels: { 'com.docker.volume.anonymous': '' },
      Options: null,
    })
    await (await api.engine.volumes.get(document.Name)).remove()
  })

  test.each([
    [{ Name: 'xx', Driver: 'nosuch' }, 404, 'plugin "nosuch" not found'],
    [{ Name: 'xx', DriverOpts: { foo: 'bar' } }, 400, 'create xx: invalid option: "foo"'],
    [{ Name: 'a/b' }, 400, 'create a/b: "a/b" includes invalid characters for a local volume name'],
    [{ Name: 'a' }, 400, 'create a: volume name is too short'],
    [{ Name: 'xx', Labels: ['a'] }, 400, 'Labels'],
    [[], 400, 'invalid request'],
    [undefined, 400, 'invalid request'],
  ])('is not made of %j', async (asked, status, message) => {
    const answer = await api.request('POST', '/volumes/create', asked)
    expect(answer).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })

  test('that a container has is not removed', async () => {
    for (const force of ['', '?force=1']) {
      const answer = await api.request('DELETE', `/volumes/used${force}`)
      expect(answer).toMatchObject({ status: 409, document: { message: expect.stringContaining('volume is in use') } })
    }
  })

  test('that there is none of is not found, and its removal can be forced', async () => {
    const missing = { status: 404, document: { message: 'get nosuch: no such volume' } }
    expect(await api.request('GET', '/volumes/nosuch')).toMatchObject(missing)
    expect(await api.request('DELETE', '/volumes/nosuch')).toMatchObject(missing)
    expect(await api.request('DELETE', '/volumes/nosuch?force=true')).toMatchObject({ status: 204 })
  })
})

describe('volumes are listed', () => {
  beforeAll(async () => {
    await api.engine.volumes.create('idle', { labels: { stage: 'ci' } })
  })

  test("with Docker's fields", async () => {
    const { document } = await api.request('GET', `/volumes?${filters({ name: ['idle'] })}`)
    expect(document).toEqual({
      Volumes: [
        {
          CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
          Driver: 'local',
          Labels: { stage: 'ci' },
          Mountpoint: `${api.engine.root}/volumes/idle/_data`,
          Name: 'idle',
          Options: null,
          Scope: 'local',
        },
      ],
      Warnings: null,
    })
  })

  test.each([
    [{ dangling: ['true'] }, ['idle']],
    [{ dangling: { '0': true } }, ['used']],
    [{ label: ['stage'] }, ['idle']],
    [{ driver: ['nosuch'] }, []],
    [{ name: ['us', 'id'] }, ['idle', 'used']],
  ])('that fit %j', async (wanted, names) => {
    expect(await namesOf(`/volumes?${filters(wanted)}`)).toEqual(names)
  })

  test.each([
    [{ nosuch: ['x'] }, "Invalid filter 'nosuch'"],
    [{ dangling: ['maybe'] }, "invalid filter 'dangling=[maybe]'"],
  ])('but not by %j', async (wanted, message) => {
    const answer = await api.request('GET', `/volumes?${filters(wanted)}`)
    expect(answer).toMatchObject({ status: 400, document: { message: expect.stringContaining(message) } })
  })
})

describe('volumes are pruned', () => {
  const prune = (version: string, wanted: unknown) =>
    api.request('POST', `/v${version}/volumes/prune?${filters(wanted)}`)

  test('with their names only for who asks for all, or is older than that', async () => {
    await api.engine.volumes.create('one', { labels: { prune: 'me' } })
    const nothing = { status: 200, document: { VolumesDeleted: [], SpaceReclaimed: 0 } }
    expect(await prune('1.47', { label: ['prune=me'] })).toMatchObject(nothing)
    expect((await prune('1.42', { label: ['prune=me'], all: ['true'] })).document.VolumesDeleted).toEqual(['one'])
    await api.engine.volumes.create('two', { labels: { prune: 'me' } })
    expect((await prune('1.41', { label: ['prune=me'] })).document.VolumesDeleted).toEqual(['two'])
  })

  test('but not by what is no filter', async () => {
    expect(await prune('1.47', { nosuch: ['x'] })).toMatchObject({ status: 400 })
    expect(await prune('1.47', { all: ['maybe'] })).toMatchObject({ status: 400 })
  })
})

test.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s does all of it', async (docker) => {
  const run = async (...args: string[]) => {
    const { stdout, stderr } = await command(docker, ['volume', ...args], { env: api.env })
    return `${stdout}${stderr}`.trim()
  }
  expect(await run('create', '--label', 'by=client', 'mine')).toBe('mine')
  expect(await run('ls', '--filter', 'label=by', '--format', '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}')).toBe(
    'mine local local by=client',
  )
  expect(await run('inspect', '-f', '{{.Mountpoint}}', 'mine')).toBe(`${api.engine.root}/volumes/mine/_data`)
  expect(await run('rm', 'used')).toContain('volume is in use')
  expect(await run('rm', 'mine')).toBe('mine')
  expect(await run('inspect', 'mine')).toMatch(/no such volume/i)
  expect(await run('create')).toMatch(/^[0-9a-f]{64}$/)
  expect(await run('prune', '-f')).toMatch(/^Deleted Volumes:\n[0-9a-f]{64}\n/)
})
