import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type ApiProcess, apiProcess } from '../support/api-process.js'
import { imageArchive } from '../support/images.js'

let api: ApiProcess
let idle: number

beforeAll(async () => {
  api = await apiProcess(['busybox'])
  await api.request('GET', '/containers/json')
  await api.request('GET', '/info')
  idle = api.descriptors()
})

afterAll(() => api[Symbol.asyncDispose]())

/** Whatever somebody has done, the process lives, answers, and has said nothing of its own. */
afterEach(async () => {
  expect(api.exitCode()).toBe(null)
  expect(await api.request('GET', '/_ping')).toMatchObject({ status: 200, text: 'OK' })
  expect(api.errors()).toBe('')
})

const messageOf = (text: string) => (JSON.parse(text) as { message: string }).message
const head = (...lines: string[]) => `${lines.join('\r\n')}\r\nHost: d\r\n\r\n`

/** Descriptors that nobody needs any more are closed. */
const isIdle = () => expect.poll(() => api.descriptors() - idle).toBeLessThanOrEqual(4)

describe('what is no request', () => {
  const long = 'x'.repeat(66 * 1024)
  test.each([
    ['a method that there is not', head('SPLICE / HTTP/1.1'), 400],
    ['a version that there is not', head('GET / HTTP/9.9'), 400],
    ['of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['of TLS', Buffer.from('160301020001000001fc0303', 'hex'), 400],
    ['without a host', 'GET /_ping HTTP/1.1\r\n\r\n', 400],
    ['a header without a colon', head('GET /_ping HTTP/1.1', 'nonsense'), 400],
    ['a header with a NUL', head('GET /_ping HTTP/1.1', 'X-A: a\0b'), 400],
    ['a header with a lone line feed in its name', head('GET /_ping HTTP/1.1', 'X\nA: b'), 400],
    ['66 KiB of headers', head('GET /_ping HTTP/1.1', `X-A: ${long}`), 431],
    ['66 KiB of path', head(`GET /${long} HTTP/1.1`), 431],
    ['10,000 headers', head('GET /_ping HTTP/1.1', ...Array.from({ length: 10_000 }, (_, at) => `X-${at}: 1`)), 431],
    ['a negative length', head('POST /containers/create HTTP/1.1', 'Content-Length: -1'), 400],
    ['two lengths', head('POST /containers/create HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'), 400],
    [
      'a length and chunks',
      `${head('POST /containers/create HTTP/1.1', 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      400,
    ],
    [
      'an encoding that there is not',
      head('POST /containers/create HTTP/1.1', 'Transfer-Encoding: chunked, fish'),
      400,
    ],
    ['CONNECT', head('CONNECT 127.0.0.1:22 HTTP/1.1'), 405],
    ['an expectation that there is not', head('GET /_ping HTTP/1.1', 'Expect: miracles', 'Connection: close'), 417],
  ])('is refused: %s', async (_, bytes, status) => {
    expect((await api.raw(bytes)).status).toBe(status)
  })

  test.each([
    ['no number', 'zz\r\n'],
    ['a length beyond all', 'FFFFFFFFFFFFFFFFFF\r\n'],
    ['a longer one than it says', '1\r\nabc\r\n0\r\n\r\n'],
    ['40 KiB of extensions', `1;${'x'.repeat(40 * 1024)}\r\na\r\n0\r\n\r\n`],
  ])('is refused: chunks with %s', async (_, chunks) => {
    const bytes = `${head('POST /containers/create HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked')}${chunks}`
    const { status } = await api.raw(bytes)
    // Where the answer had to come before the body had ended, the connection just ends.
    expect([400, 413, undefined]).toContain(status)
  })
})

describe('an upgrade that nobody offers', () => {
  test.each(['h2c', 'websocket', 'tcp, h2c', '\u00ff\u00fe'])('to %s is passed over', async (protocol) => {
    const bytes = Buffer.from(
      head('GET /_ping HTTP/1.1', `Upgrade: ${protocol}`, 'Connection: Upgrade, close'),
      'latin1',
    )
    expect((await api.raw(bytes)).status).toBe(200)
  })

  test('of a container that is not there, or with a key that is none, is refused', async () => {
    const websocket = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const asked = (path: string, ...lines: string[]) =>
      api.raw(head(`GET ${path} HTTP/1.1`, ...websocket, ...lines), '\r\n\r\n')
    expect(
      (await asked('/containers/none/attach/ws?stream=1', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')).status,
    ).toBe(404)
    const container = await api.engine.run('busybox', ['sleep', '1000'])
    const { status } = await asked(`/containers/${container.id}/attach/ws?stream=1`, 'Sec-WebSocket-Key: none')
    expect([400, 426, undefined]).toContain(status)
    await container.remove({ force: true })
    await isIdle()
  })
})

describe('a path', () => {
  test.each([
    '/..',
    '/../containers/json',
    '/v1.41/../containers/json',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/containers/../../info',
    '/containers/..%2f..%2f..%2fetc%2fpasswd/json',
    '/containers/%00/json',
    '/containers/%ff%fe/json',
    '/containers/%/json',
    '/containers/%c0%ae%c0%ae/json',
    '//containers//json',
    '/containers/json/',
    '/images/../../../etc/passwd/json',
    '/images/%2e%2e/json',
    '/volumes/..',
    '/volumes/%2e%2e%2f%2e%2e%2fetc',
    '/networks/%0d%0aX-Injected:%20yes',
    '/exec/../json',
    '/v99999999999999999999.1/info',
    '/v1.41',
    'http://elsewhere.example/containers/none/json',
    '*',
  ])('%s leads nowhere that it should not', async (path) => {
    const { status, text } = await api.raw(head(`GET ${path} HTTP/1.1`, 'Connection: close'))
    expect(text).not.toContain('root:x:0:0')
    expect(text).not.toMatch(/^X-Injected/m)
    if (status !== 200) expect([400, 404]).toContain(status)
  })

  test.each(['..', '.', '%2e%2e', '..%2f..', '%00', '%ff'])('of a volume named %s removes nothing', async (name) => {
    const { status } = await api.raw(head(`DELETE /volumes/${name}?force=1 HTTP/1.1`, 'Connection: close'))
    // As Docker's: what is forced, and not there, is gone.
    expect([204, 400, 404]).toContain(status)
    expect(readFileSync(`${api.directory}/root/id`, 'utf8')).toMatch(/^[0-9a-f]{8}\n$/)
  })
})

describe('a body', () => {
  const documents = ['/containers/create', '/networks/create', '/volumes/create', '/auth']
  test.each([...documents, '/networks/none/connect', '/networks/none/disconnect'])(
    'that %s lacks is said to be missing',
    async (path) => {
      const { status, text } = await api.request('POST', path)
      expect([status, messageOf(text)]).toEqual([400, 'invalid request: a JSON document is missing in its body'])
    },
  )

  const json = { 'Content-Type': 'application/json' }
  test.each(documents)('of %s is bounded, and refused where it is none', async (path) => {
    const post = (body: string | Uint8Array, headers = json) => api.request('POST', path, body, headers)
    const statuses = await Promise.all([
      post('{'),
      post('[]'),
      post('"text"'),
      post('[[['.repeat(100_000)),
      post(`${'['.repeat(500_000)}${']'.repeat(500_000)}`),
      post(`{"Labels":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`),
      post(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
      post('{}', { 'Content-Type': 'text/plain' }),
      post('{}', { 'Content-Type': 'application/x-tar' }),
    ])
    // Of a login that is empty the registry may be asked.
    const refusals = path === '/auth' ? [400, 401, 500] : [400]
    expect(statuses.filter(({ status }) => !refusals.includes(status))).toEqual([])
    for (const { text } of statuses) expect(messageOf(text)).not.toMatch(/undefined|is not|stack/i)
  })

  test('of 8 MiB is read, and of more is refused before it has come', async () => {
    const bytes = (length: number) => `{"Image":"none","Cmd":["${'x'.repeat(length - 27)}"]}`
    expect((await api.request('POST', '/containers/create', bytes(8 * 1024 * 1024))).status).toBe(404)
    const much = 'Content-Length: 1000000000000'
    const { status } = await api.raw(
      `${head('POST /containers/create HTTP/1.1', 'Content-Type: application/json', much)}${'x'.repeat(9 * 1024 * 1024)}`,
    )
    expect([413, undefined]).toContain(status)
  })

  test('changes nothing of what all objects have', async () => {
    const document =
      '{"Image":"none","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"HostConfig":{"__proto__":{"Privileged":true}}}'
    expect((await api.request('POST', '/containers/create', document)).status).toBe(404)
    const filters = encodeURIComponent('{"__proto__":{"a":true},"constructor":["b"],"toString":["c"]}')
    const { status } = await api.request('GET', `/containers/json?filters=${filters}`)
    expect([200, 400]).toContain(status)
  })
})

describe('who sends half of something', () => {
  test('is let go when he has not sent his headers in time', async () => {
    const begun = performance.now()
    const slow = await Promise.all(
      ['', 'G', 'GET /_ping HTTP/1.1\r\n', 'GET /_ping HTTP/1.1\r\nX-A: '].map(async (text) => {
        const client = await api.open(text)
        const drip = setInterval(() => client.write(text.endsWith(' ') ? 'a' : ''), 500)
        let answer = ''
        client.on('data', (chunk) => {
          answer += chunk
        })
        await once(client, 'close')
        clearInterval(drip)
        return answer.slice(0, 12)
      }),
    )
    expect(slow.filter((answer) => answer !== '' && answer !== 'HTTP/1.1 408')).toEqual([])
    expect(performance.now() - begun).toBeLessThan(60_000)
    await isIdle()
  })

  test('of a document has made nothing', async () => {
    const before = (await api.engine.containers.list({ all: true })).length
    const request = head(
      'POST /containers/create?name=half HTTP/1.1',
      'Content-Type: application/json',
      'Content-Length: 1000',
    )
    const clients = await Promise.all(Array.from({ length: 20 }, () => api.open(`${request}{"Image":"busybox"`)))
    for (const client of clients) client.destroy()
    await isIdle()
    expect(await api.engine.containers.list({ all: true })).toHaveLength(before)
  })

  test('of an archive has loaded nothing', async () => {
    const archive = readFileSync(imageArchive('busybox'))
    const before = (await api.engine.images.list({ all: true })).map(({ id }) => id)
    const request = head(
      'POST /images/load HTTP/1.1',
      'Content-Type: application/x-tar',
      `Content-Length: ${archive.length}`,
    )
    const client = await api.open(request)
    await new Promise((resolve) => client.write(archive.subarray(0, archive.length / 2), resolve))
    client.destroy()
    await isIdle()
    expect((await api.engine.images.list({ all: true })).map(({ id }) => id)).toEqual(before)
    expect(await api.leaks()).toEqual([])
  })
})

describe('many', () => {
  test('connections, a thousand opened and closed, leave none', async () => {
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => api.open('')))
      for (const [at, client] of clients.entries()) {
        if (at % 3 === 0) client.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n')
        if (at % 2 === 0) client.end()
        else client.destroy()
        client.resume()
      }
    }
    await isIdle()
  })

  test('requests sent at once on one connection are answered in order', async () => {
    const paths = Array.from({ length: 1_000 }, (_, at) =>
      at % 10 === 0 ? '/containers/json' : `/containers/n${at}/json`,
    )
    const bytes =
      paths.map((path) => head(`GET ${path} HTTP/1.1`)).join('') + head('GET /_ping HTTP/1.1', 'Connection: close')
    const { text } = await api.raw(bytes)
    expect(text.match(/^HTTP\/1\.1 \d{3}/gm)).toHaveLength(1_001)
    const told = [...text.matchAll(/No such container: (n\d+)/g)].map(([, name]) => `/containers/${name}/json`)
    expect(told).toEqual(paths.filter((path) => path.includes('/n')))
  })

  test('who follow on one connection, one behind the other, are let go with it', async () => {
    const client = await api.open(head('GET /events HTTP/1.1').repeat(50))
    await expect.poll(() => api.descriptors()).toBeGreaterThan(idle)
    client.destroy()
    await isIdle()
  })
})

/** A connection that is read: what of its answer matters is counted as it comes. */
function reading(
  client: Socket,
  wanted: string,
): { readonly seen: () => number; readonly all: (count: number) => Promise<void> } {
  let seen = 0
  let rest = ''
  let told = () => {}
  client.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    seen += text.split(wanted).length - 1
    rest = text.slice(Math.max(text.lastIndexOf(wanted) + wanted.length, text.length - wanted.length + 1))
    told()
  })
  return {
    seen: () => seen,
    all: (count) =>
      new Promise((resolve) => {
        told = () => seen >= count && resolve()
        told()
      }),
  }
}

const mebibyte = 1024 * 1024

const leaveAll = (clients: readonly Socket[]) => clients.forEach((client) => void client.destroy())

describe('500 followers, every other of whom never reads', () => {
  test('of a log: who reads has every line, and memory stays bounded', async () => {
    const lines = 20_000
    const script = `read _; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "line-of-a-log-that-is-followed $i"; done; sleep 1000`
    const container = await api.engine.run('busybox', ['sh', '-c', script]).interactive().create()
    const request = head(`GET /containers/${container.id}/logs?follow=1&stdout=1 HTTP/1.1`)
    const attachment = await container.startAttached()
    attachment.stdout.resume()
    const clients = await Promise.all(Array.from({ length: 500 }, () => api.open(request)))
    onTestFinished(() => leaveAll(clients))
    const readers = clients.filter((_, at) => at % 2 === 0).map((client) => reading(client, 'line-of-a-log'))
    for (const client of clients.filter((_, at) => at % 2 === 1)) client.pause()
    const before = api.memory()
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, api.memory())
    }, 100)
    attachment.stdin?.end('go\n')
    await Promise.all(readers.map((reader) => reader.all(lines)))
    clearInterval(watch)
    expect(readers.map((reader) => reader.seen())).toEqual(readers.map(() => lines))
    console.log(`500 followers of ${lines} lines of a log: ${Math.round((most - before) / mebibyte)} MiB more at most`)
    expect(most - before).toBeLessThan(800 * mebibyte)
    leaveAll(clients)
    await isIdle()
    expect((await container.inspect()).State.Status).toBe('running')
    await container.remove({ force: true })
  })

  test('of events: who reads has every one, and memory stays bounded', async () => {
    const count = 10
    const clients = await Promise.all(Array.from({ length: 500 }, () => api.open(head('GET /events HTTP/1.1'))))
    onTestFinished(() => leaveAll(clients))
    // The head of the answer tells that what happens from here on is followed.
    await Promise.all(clients.map((client) => once(client, 'data')))
    const readers = clients.filter((_, at) => at % 2 === 0).map((client) => reading(client, '"Action":"create"'))
    for (const client of clients.filter((_, at) => at % 2 === 1)) client.pause()
    const before = api.memory()
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, api.memory())
    }, 100)
    for (let at = 0; at < count; at++) {
      const container = await api.engine
        .run('busybox', ['true'])
        .label({ large: 'x'.repeat(20_000) })
        .create()
      await container.remove()
    }
    await Promise.all(readers.map((reader) => reader.all(count)))
    clearInterval(watch)
    expect(readers.map((reader) => reader.seen())).toEqual(readers.map(() => count))
    console.log(
      `500 followers of ${2 * count} events of 20 kB: ${Math.round((most - before) / mebibyte)} MiB more at most`,
    )
    expect(most - before).toBeLessThan(800 * mebibyte)
    for (const client of clients) client.destroy()
    await isIdle()
  })
})

describe('who goes away', () => {
  /** Sends a request, waits until it is under way, and goes. */
  async function leave(request: string, isUnderWay: () => Promise<boolean>): Promise<void> {
    const client = await api.open(request)
    client.resume()
    await expect.poll(isUnderWay).toBe(true)
    client.destroy()
  }
  const soon = async () => api.descriptors() > idle

  test.each([
    ['waits', 'POST', 'wait'],
    ['follows a log', 'GET', 'logs?follow=1&stdout=1'],
    ['follows figures', 'GET', 'stats?stream=1'],
    ['is attached', 'POST', 'attach?stream=1&stdout=1&stdin=1'],
  ])('while he %s ends nothing but that', async (_, method, verb) => {
    const container = await api.engine
      .run('busybox', ['sh', '-c', 'while :; do echo x; sleep 0.01; done'])
      .interactive()
    const bystander = await api.open(head(`POST /containers/${container.id}/wait HTTP/1.1`))
    let told = ''
    bystander.on('data', (chunk) => {
      told += chunk
    })
    await leave(head(`${method} /containers/${container.id}/${verb} HTTP/1.1`), soon)
    expect((await container.inspect()).State.Status).toBe('running')
    await container.kill()
    await expect.poll(() => told).toContain('"StatusCode":137')
    bystander.destroy()
    await container.remove()
    await isIdle()
    expect(await api.leaks()).toEqual([])
  })

  test('while a container is stopped does not keep it from that', async () => {
    const container = await api.engine.run('busybox', [
      'sh',
      '-c',
      'trap "" TERM; echo ready; while :; do sleep 0.1; done',
    ])
    for await (const { text } of container.logs({ follow: true })) if (text.includes('ready')) break
    const client = await api.open(head(`POST /containers/${container.id}/stop?t=1 HTTP/1.1`))
    client.destroy()
    expect((await container.wait()).exitCode).toBe(137)
    await container.remove()
    await isIdle()
  })

  test('while an image is built ends the build', async () => {
    const archive = dockerfileArchive('FROM busybox\nRUN echo begun; sleep 1000\n')
    const request = head('POST /build HTTP/1.1', 'Content-Type: application/x-tar', `Content-Length: ${archive.length}`)
    const client = await api.open(request)
    client.write(archive)
    let text = ''
    client.on('data', (chunk) => {
      text += chunk
    })
    await expect.poll(() => text).toContain('begun')
    client.destroy()
    await isIdle()
    expect(await api.leaks()).toEqual([])
  })

  test('while an image is pulled ends the pull', async () => {
    let isAsked = false
    let isGone = false
    const { createServer } = await import('node:http')
    const registry = createServer((request) => {
      isAsked = true
      request.socket.once('close', () => {
        isGone = true
      })
    }).listen(0, '127.0.0.1')
    await once(registry, 'listening')
    const { port } = registry.address() as { port: number }
    const from = encodeURIComponent(`127.0.0.1:${port}/slow`)
    await leave(head(`POST /images/create?fromImage=${from}&tag=1 HTTP/1.1`), async () => isAsked)
    await expect.poll(() => isGone).toBe(true)
    await isIdle()
    registry.closeAllConnections()
    registry.close()
  })
})

/** A tar with a Dockerfile alone. */
function dockerfileArchive(text: string): Buffer {
  const header = Buffer.alloc(512)
  header.write('Dockerfile')
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, Buffer.from(text.padEnd(512, '\0')), Buffer.alloc(1024)])
}

/** Bytes of any kind. */
const encoded = (text: string) =>
  [...Buffer.from(text, 'utf16le')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

describe('whatever is sent', () => {
  const names = fc.oneof(
    fc.constantFrom('none', 'busybox', '%00', '..', '%2e%2e%2f', 'a'.repeat(300), '-1', 'json', 'fuzz'),
    fc.string({ maxLength: 20 }).map((text) => encoded(text)),
  )
  const things = [
    'containers',
    'images',
    'networks',
    'volumes',
    'exec',
    'build',
    'swarm',
    'plugins',
    'system',
    'session',
  ]
  const verbs = [
    'json',
    'create',
    'start',
    'stop',
    'restart',
    'kill',
    'rename',
    'update',
    'top',
    'changes',
    'archive',
    'resize',
    'prune',
    'tag',
    'history',
    'get',
    'load',
    'connect',
    'disconnect',
    'attach',
    'wait',
    'logs',
    'exec',
    'df',
    'pause',
    'unpause',
    'stats',
  ]
  const path = fc.oneof(
    fc.tuple(fc.constantFrom(...things), names, fc.constantFrom(...verbs)).map((parts) => `/${parts.join('/')}`),
    fc.tuple(fc.constantFrom(...things), fc.constantFrom(...verbs)).map((parts) => `/${parts.join('/')}`),
    fc.tuple(fc.constantFrom(...things), names).map((parts) => `/${parts.join('/')}`),
    names.map((name) => `/${name}`),
  )
  const parameters = [
    'filters',
    'all',
    'limit',
    'name',
    'signal',
    't',
    'h',
    'w',
    'path',
    'since',
    'until',
    'tail',
    'follow',
    'stdout',
    'force',
    'v',
    'condition',
    'platform',
    'repo',
    'tag',
    'term',
    'ps_args',
    'noOverwriteDirNonDir',
    'buildargs',
    'labels',
    'dockerfile',
    'memory',
    'cpuperiod',
    'ulimits',
    'outputs',
    'names',
    'changes',
    'shmsize',
  ]
  const value = fc.oneof(
    fc.constantFrom(
      '1',
      '0',
      '-1',
      '{}',
      '[]',
      'null',
      '{"label":{"a":true}}',
      '{"a":1}',
      '1e400',
      '99999999999999999999',
      '/',
      '../..',
      '%00',
    ),
    fc.string({ maxLength: 12 }).map((text) => encoded(text)),
  )
  const query = fc
    .array(fc.tuple(fc.constantFrom(...parameters), value), { maxLength: 4 })
    .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'))
  const fields = [
    'Image',
    'Cmd',
    'Env',
    'Labels',
    'HostConfig',
    'NetworkingConfig',
    'Name',
    'Driver',
    'DriverOpts',
    'IPAM',
    'Container',
    'AttachStdin',
    'Tty',
    'Detach',
    'Volumes',
    'ExposedPorts',
    'Healthcheck',
    'StopTimeout',
    'User',
    'Memory',
    'NanoCpus',
    'username',
    'serveraddress',
    'Options',
    'EndpointConfig',
    'Force',
  ]
  const body = fc.option(
    fc
      .dictionary(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 })
      .map((document) => JSON.stringify(document)),
    { nil: undefined },
  )
  const requests = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
    version: fc.constantFrom('', '/v1.24', '/v1.41', '/v1.47'),
    path,
    query,
    body,
  })

  /** The status that came first, and the message of an error. */
  async function sent({
    method,
    version,
    path,
    query,
    body,
  }: {
    method: string
    version: string
    path: string
    query: string
    body?: string | undefined
  }) {
    const content =
      body === undefined
        ? ['Content-Length: 0']
        : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]
    const request = `${head(`${method} ${version}${path}?${query} HTTP/1.1`, 'Connection: close', ...content)}${body ?? ''}`
    const client = connect(api.socket)
    client.on('error', () => {})
    client.write(request)
    let text = ''
    client.setTimeout(20_000, () => client.destroy())
    client.on('data', (chunk) => {
      text += chunk.toString('latin1')
      // What follows something has no end of its own.
      if (/^HTTP\/1\.1 [12]\d\d/.test(text)) client.destroy()
    })
    await once(client, 'close')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
    return {
      status,
      message: status >= 400 && method !== 'HEAD' ? (/"message":("(?:[^"\\]|\\.)*")/.exec(text)?.[1] ?? text) : '',
    }
  }

  test('is answered, by what is no fault of the program', { timeout: 300_000 }, async () => {
    const faults: string[] = []
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const { status, message } = await sent(request)
        expect(status).toBeGreaterThanOrEqual(100)
        expect(status).toBeLessThan(600)
        if (status === 500)
          faults.push(`${request.method} ${request.path}?${request.query} ${request.body}: ${message}`)
        expect(message).not.toMatch(/Cannot read|is not a function|not iterable|undefined|\[object Object\]/)
        expect(api.exitCode()).toBe(null)
      }),
      { numRuns: 1_500 },
    )
    if (faults.length > 0) console.log(`${faults.length} of 500:\n${faults.slice(0, 20).join('\n')}`)
    await isIdle()
  })
})
