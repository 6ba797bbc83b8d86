import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.js'
import { progressOf } from '../support/api-progress.js'
import { busyboxForm, imageArchive } from '../support/images.js'

const execute = promisify(execFile)

let api: TestApi
let id: string
let size: number
beforeAll(async () => {
  api = await testApi(['busybox'])
  const [image] = await api.engine.images.list()
  id = image?.id ?? ''
  size = image?.size ?? 0
})
afterAll(() => api[Symbol.asyncDispose]())

/** Only busybox is there, under its one name. */
beforeEach(async () => {
  for (const { repoTags, id: other } of await api.engine.images.list({ all: true })) {
    for (const name of repoTags) if (name !== 'busybox:latest') await api.engine.images.remove(name)
    if (other !== id && repoTags.length === 0) await api.engine.images.remove(other)
  }
})

/** The path of a tar of one small file. */
async function smallTar(): Promise<string> {
  const path = join(api.directory, 'layer.tar')
  await execute('tar', ['-cf', path, '-C', '/etc', 'hostname'])
  return path
}

const get = (path: string) => api.request('GET', path)
const filtered = (document: object) => get(`/images/json?filters=${encodeURIComponent(JSON.stringify(document))}`)
const namesOf = async (document: object) =>
  (await filtered(document)).document.flatMap(({ RepoTags }: { RepoTags: string[] }) => RepoTags)

describe('GET /images/json', () => {
  const listed = { Containers: -1, Id: expect.any(String), ParentId: '', Labels: null, SharedSize: -1 }

  test.each([24, 41, 42, 43, 44, 47])('has the fields of 1.%i', async (minor) => {
    const { document } = await get(`/v1.${minor}/images/json`)
    expect(document).toEqual([
      {
        ...listed,
        Created: expect.any(Number),
        RepoTags: ['busybox:latest'],
        RepoDigests: minor < 43 ? null : [],
        Size: size,
        ...(minor < 44 && { VirtualSize: size }),
      },
    ])
  })

  test('has names that say that there are none only before 1.43', async () => {
    await api.engine.images.import(busyboxForm('rootfs'))
    const namesAt = async (version: string) => {
      const { document } = await get(`${version}/images/json?filters=${encodeURIComponent('{"dangling":["true"]}')}`)
      return document.map(({ RepoTags, RepoDigests }: Record<string, string[]>) => ({ RepoTags, RepoDigests }))
    }
    expect(await namesAt('/v1.42')).toEqual([{ RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }])
    expect(await namesAt('/v1.43')).toEqual([{ RepoTags: [], RepoDigests: [] }])
  })

  test('tells what images share when it is asked to', async () => {
    await api.engine.images.import(busyboxForm('rootfs'), { reference: 'me/twin', message: 'a twin' })
    const sharedAt = async (query: string) =>
      (await get(`/images/json?${query}`)).document.map(({ SharedSize }: { SharedSize: number }) => SharedSize)
    expect(await sharedAt('')).toEqual([-1, -1])
    expect(await sharedAt('shared-size=1')).toEqual([size, size])
  })

  test('takes the filters, in both shapes', async () => {
    await api.engine.images.import(busyboxForm('rootfs'), { reference: 'me/new:1', changes: ['LABEL stage=ci'] })
    expect(await namesOf({ reference: ['me/*'] })).toEqual(['me/new:1'])
    expect(await namesOf({ reference: { 'busybox:l*': true } })).toEqual(['busybox:latest'])
    expect(await namesOf({ label: ['stage=ci'] })).toEqual(['me/new:1'])
    expect(await namesOf({ label: { stage: true } })).toEqual(['me/new:1'])
    expect(await namesOf({ before: ['me/new:1'] })).toEqual(['busybox:latest'])
    expect(await namesOf({ since: ['busybox'] })).toEqual(['me/new:1'])
    expect(await namesOf({ dangling: ['false'] })).toEqual(['me/new:1', 'busybox:latest'])
    expect(await namesOf({ until: ['1970-01-01T00:00:00Z'] })).toEqual([])
    expect((await get('/v1.24/images/json?filter=busybox')).document).toMatchObject([{ RepoTags: ['busybox:latest'] }])
  })

  test.each([
    [{ nope: ['x'] }, 400, "Invalid filter 'nope'"],
    [{ dangling: ['x'] }, 400, "invalid filter 'dangling=[x]'"],
    [{ before: ['nope'] }, 404, 'No such image: nope:latest'],
    [{ until: ['soon'] }, 400, 'failed to parse'],
  ])('refuses %j', async (filters, status, message) => {
    expect(await filtered(filters)).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })
})

describe('GET /images/{name}/json', () => {
  test('has the fields of old versions only there', async () => {
    const fieldsAt = async (version: string) => Object.keys((await get(`${version}/images/busybox/json`)).document)
    const old = ['Container', 'ContainerConfig', 'VirtualSize']
    expect(await fieldsAt('/v1.41')).toEqual(expect.arrayContaining(old))
    expect(await fieldsAt('/v1.44')).toEqual(expect.arrayContaining(old.slice(0, 2)))
    const now = await fieldsAt('')
    // Without it docker-compose 1.29, which asks as the newest version, makes no container anew.
    expect(now.filter((name) => old.includes(name))).toEqual(['ContainerConfig'])
    expect(now).toEqual(expect.arrayContaining(['Id', 'RepoTags', 'Created', 'Size', 'RootFS', 'Metadata', 'Config']))
  })

  test('says all of a configuration, also what the image does not', async () => {
    const { document } = await get('/images/busybox/json')
    expect(document.Config).toMatchObject({ Hostname: '', Tty: false, Volumes: null, Labels: null, OnBuild: null })
  })

  test.each([
    ['nope', 404, 'No such image: nope:latest'],
    ['nope:1', 404, 'No such image: nope:1'],
    ['127.0.0.1:5000/some/app:1', 404, 'No such image: 127.0.0.1:5000/some/app:1'],
    ['UPPER', 400, 'invalid reference format: repository name (library/UPPER) must be lowercase'],
  ])('of %s is refused', async (name, status, message) => {
    for (const path of [`/images/${name}/json`, `/images/${name}/history`])
      expect(await get(path)).toMatchObject({ status, document: { message } })
    expect(await api.request('DELETE', `/images/${name}`)).toMatchObject({ status, document: { message } })
    expect(await api.request('POST', `/images/${name}/tag?repo=x`)).toMatchObject({ status, document: { message } })
  })

  test('finds an image by ID, its beginning, and a name with slashes, encoded or not', async () => {
    await api.request('POST', '/images/busybox/tag?repo=127.0.0.1:5000/a/b&tag=1')
    for (const name of [id, id.slice(7, 19), '127.0.0.1:5000/a/b:1', encodeURIComponent('127.0.0.1:5000/a/b:1')])
      expect((await get(`/images/${name}/json`)).document).toMatchObject({ Id: id })
  })
})

describe('POST /images/{name}/tag', () => {
  test('names the image, the tag beside the name or in it', async () => {
    expect(await api.request('POST', '/images/busybox/tag?repo=me/app&tag=2')).toMatchObject({ status: 201, text: '' })
    expect(await api.request('POST', '/images/busybox/tag?repo=me/app:3')).toMatchObject({ status: 201 })
    expect(await api.request('POST', '/images/busybox/tag?repo=me/app')).toMatchObject({ status: 201 })
    expect(await namesOf({ reference: ['me/app'] })).toEqual(['me/app:2', 'me/app:3', 'me/app:latest'])
  })

  test.each([
    ['', 400],
    ['?repo=me/App', 400],
    ['?repo=me/app&tag=a/b', 400],
    [`?repo=me/app@sha256:${'ab'.repeat(32)}`, 400],
  ])('refuses %j', async (query, status) => {
    expect(await api.request('POST', `/images/busybox/tag${query}`)).toMatchObject({ status })
  })
})

describe('DELETE /images/{name}', () => {
  test('tells what was untagged and deleted', async () => {
    const image = await api.engine.images.import(busyboxForm('rootfs'), { reference: 'me/gone', message: 'x' })
    await image.tag('me/gone:2')
    expect((await api.request('DELETE', '/images/me/gone')).document).toEqual([{ Untagged: 'me/gone:latest' }])
    await image.tag('me/gone:3')
    const conflict = await api.request('DELETE', `/images/${image.id}`)
    expect(conflict).toMatchObject({
      status: 409,
      document: {
        message: `conflict: unable to delete ${image.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
      },
    })
    expect((await api.request('DELETE', `/images/${image.id}?force=1`)).document).toEqual([
      { Untagged: 'me/gone:2' },
      { Untagged: 'me/gone:3' },
      { Deleted: image.id },
    ])
  })
})

describe('POST /images/prune', () => {
  const prune = (filters: object) =>
    api.request('POST', `/images/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`)

  test('removes what has no name, or with dangling=false what nobody uses', async () => {
    expect(await prune({})).toMatchObject({ status: 200, document: { ImagesDeleted: null, SpaceReclaimed: 0 } })
    const bare = await api.engine.images.import(busyboxForm('rootfs'))
    expect((await prune({ dangling: ['true'] })).document).toEqual({
      ImagesDeleted: [{ Deleted: bare.id }],
      SpaceReclaimed: 0,
    })
    await api.engine.images.import(busyboxForm('rootfs'), { reference: 'me/spare', changes: ['LABEL keep=no'] })
    expect((await prune({ dangling: ['false'], label: ['keep=yes'] })).document.ImagesDeleted).toBe(null)
    expect((await prune({ dangling: ['false'], label: ['keep=no'] })).document.ImagesDeleted).toMatchObject([
      { Untagged: 'me/spare:latest' },
      { Deleted: expect.any(String) },
    ])
  })

  test('refuses a filter that is none', async () => {
    expect(await prune({ foo: ['x'] })).toMatchObject({ status: 400, document: { message: "Invalid filter 'foo'" } })
  })
})

describe('POST /images/load', () => {
  test('tells what was loaded', async () => {
    const archive = await readFile(imageArchive('busybox'))
    const { status, headers, text } = await api.request('POST', '/images/load', archive)
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/json' })
    expect(progressOf(text)).toEqual([{ stream: 'Loaded image: busybox:latest\n' }])
  })

  test('tells of layers that were not here, unless it is to be quiet', async () => {
    const path = join(api.directory, 'small.tar')
    await api.engine.images.import(await smallTar(), { reference: 'me/small' })
    await api.engine.images.save('me/small', path)
    const archive = await readFile(path)
    const loaded = async (query: string) => {
      await api.engine.images.remove('me/small')
      return progressOf((await api.request('POST', `/images/load${query}`, archive)).text)
    }
    const layer = {
      status: 'Loading layer',
      id: expect.stringMatching(/^[a-f0-9]{12}$/),
      progressDetail: { current: 10240, total: 10240 },
      progress: '[==================================================>]  10.24kB/10.24kB',
    }
    expect(await loaded('?quiet=0')).toEqual(expect.arrayContaining([layer]))
    expect(await loaded('?quiet=1')).toEqual([{ stream: 'Loaded image: me/small:latest\n' }])
  })

  test('says which image loses its name', async () => {
    const path = join(api.directory, 'moved.tar')
    const old = await api.engine.images.import(await smallTar(), { reference: 'me/moved', message: 'old' })
    await old.save(path)
    await (await api.engine.images.get('busybox')).tag('me/moved')
    const { text } = await api.request('POST', '/images/load', await readFile(path))
    expect(progressOf(text)).toEqual([
      { stream: `The image me/moved:latest already exists, renaming the old one with ID ${id} to empty string\n` },
      { stream: 'Loaded image: me/moved:latest\n' },
    ])
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no tar', Buffer.from('junk, for sure')],
  ])('says by a document that %s is no archive', async (_, body) => {
    const { status, text } = await api.request('POST', '/images/load', body)
    expect(status).toBe(200)
    const [{ error, errorDetail }, ...others] = progressOf(text)
    expect({ error: error.length > 0, same: errorDetail.message === error, others }).toEqual({
      error: true,
      same: true,
      others: [],
    })
  })
})

describe('GET /images/get', () => {
  test('has several images in one archive, which is loaded again', async () => {
    await api.engine.images.import(busyboxForm('rootfs'), { reference: 'me/one:1' })
    const path = '/images/get?names=busybox&names=me/one:1'
    const { status, headers } = await get(path)
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/x-tar' })
  })

  test.each(['/images/nope/get', '/images/get?names=busybox&names=nope'])('%s is refused', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, document: { message: 'No such image: nope:latest' } })
  })

  test('is refused for a platform that the image is not for', async () => {
    const getFor = (platform: string) => get(`/images/busybox/get?platform=${encodeURIComponent(platform)}`)
    for (const platform of ['linux/s390x', '{"os":"linux","architecture":"s390x"}'])
      expect(await getFor(platform)).toMatchObject({
        status: 404,
        document: {
          message:
            'image with reference busybox:latest was found but does not provide the specified platform (linux/s390x)',
        },
      })
    expect(await getFor('linux')).toMatchObject({ status: 200 })
    expect(await getFor('{"os":3}')).toMatchObject({ status: 400 })
  })

  test('of no name is refused', async () => {
    expect(await get('/images/get')).toMatchObject({ status: 400 })
  })
})

describe('POST /images/create with fromSrc', () => {
  const create = (query: string, body?: Uint8Array) => api.request('POST', `/images/create?${query}`, body)

  test('makes an image of the body', async () => {
    const query = 'fromSrc=-&repo=me/imported&tag=1&message=hello&changes=CMD+%5B%22x%22%5D&changes=ENV+A%3Db'
    const { text } = await create(`${query}&platform=linux/arm64`, await readFile(busyboxForm('rootfs')))
    const [{ status }] = progressOf(text)
    expect((await get('/images/me/imported:1/json')).document).toMatchObject({
      Id: status,
      Comment: 'hello',
      Architecture: 'arm64',
      Config: { Cmd: ['x'], Env: ['A=b'] },
    })
  })

  test('makes an image of what a URL has, and tells how much came', async () => {
    const rootfs = await readFile(busyboxForm('rootfs'))
    const server = createServer((request, response) =>
      request.url === '/rootfs.tar' ? response.end(rootfs) : response.writeHead(404).end('not here'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const documents = progressOf((await create(`fromSrc=${url}/rootfs.tar&repo=me/url`)).text)
      expect(documents[0]).toEqual({ status: `Downloading from ${url}/rootfs.tar` })
      expect(documents[1]).toMatchObject({
        status: 'Importing',
        progressDetail: { current: expect.any(Number) },
        progress: expect.stringMatching(/^ *[\d.]+[kM]?B$/),
      })
      expect((await get('/images/me/url/json')).document.Id).toBe(documents.at(-1).status)
      expect(await create(`fromSrc=${url}/nope&repo=me/url`)).toMatchObject({ status: expect.not.toBeOneOf([200]) })
    } finally {
      server.close()
    }
  })

  test.each([
    ['fromSrc=-&changes=RUN+x', 'run is not a valid change command'],
    ['fromSrc=-&repo=Me', 'invalid reference format'],
    ['fromSrc=-&repo=me/x&platform=a/b/c/d', 'platform'],
    ['fromSrc=-&repo=me/x', 'archive'],
  ])('%s of no tar is refused', async (query, message) => {
    expect(await create(query, Buffer.from('no tar'))).toMatchObject({
      status: 400,
      document: { message: expect.stringContaining(message) },
    })
  })

  test('needs a source', async () => {
    expect(await create('repo=x')).toMatchObject({ status: 400 })
  })
})

describe('a client that goes away', () => {
  /** The files of layers that are stored, and of those that are on their way. */
  const stored = async () => (await readdir(join(api.directory, 'root/content'), { recursive: true })).sort()

  test.each(['/images/load', '/images/create?fromSrc=-&repo=me/half'])(
    'in the middle of %s leaves nothing',
    async (path) => {
      const before = await stored()
      const archive = await readFile(path === '/images/load' ? imageArchive('busybox') : busyboxForm('rootfs'))
      const sending = httpRequest({ socketPath: api.socket, method: 'POST', path, agent: false })
      sending.on('error', () => {})
      sending.on('response', (response) => response.on('error', () => {}).resume())
      sending.write(archive.subarray(0, archive.length / 2))
      await expect.poll(stored).not.toEqual(before)
      sending.destroy()
      await expect.poll(stored).toEqual(before)
      expect(await namesOf({})).toEqual(['busybox:latest'])
    },
  )
})
