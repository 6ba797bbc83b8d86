import { spawnSync } from 'node:child_process'
import { getEventListeners, once, setMaxListeners } from 'node:events'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import type { ApiServer, ServeOptions } from '../../src/index.js'
import { answering } from '../../src/server/router.js'
import { serverState } from '../../src/server/state.js'
import { command } from '../support/api.js'
import { authority } from '../support/certificates.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let places = 0

beforeAll(async () => {
  host = await testEngine([])
  // Who is nobody comes to sockets below it.
  chmodSync(host.directory, 0o755)
})

afterAll(() => host[Symbol.asyncDispose]())

/** A path where nothing is yet, in a directory of its own. */
function newPlace(name = 'docker.sock'): string {
  const directory = join(host.directory, `place-${++places}`)
  mkdirSync(directory)
  return join(directory, name)
}

const serve = (options: ServeOptions) => host.engine.serve(options)

/** The status of a request, or the code of why there is none. */
function ask(options: RequestOptions, send = httpRequest): Promise<number | string> {
  return new Promise((resolve) => {
    const asking = send({ path: '/_ping', agent: false, ...options }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    asking.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asking.end()
  })
}

const ping = (socketPath: string) => ask({ socketPath })

const groupOf = (name: string) =>
  Number(new RegExp(`^${name}:[^:]*:(\\d+)`, 'm').exec(readFileSync('/etc/group', 'utf8'))?.[1])

/** Connects as somebody else, with these groups: `connected`, or the code of why not. */
function connectAs(path: string, groups: readonly number[]): string {
  const program = `require('net').connect(process.argv[1]).on('connect', () => { console.log('connected'); process.exit() }).on('error', (error) => console.log(error.code))`
  const nobody = [
    '--reuid',
    '65534',
    '--regid',
    '65534',
    ...(groups.length > 0 ? ['--groups', groups.join()] : ['--clear-groups']),
  ]
  return spawnSync('setpriv', [...nobody, process.execPath, '-e', program, path])
    .stdout.toString()
    .trim()
}

/** The socket of a server that was killed. */
function leaveStale(path: string): void {
  const program = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', program, path])
  expect(lstatSync(path).isSocket()).toBe(true)
}

const points = ['serve.directory', 'serve.bound']

/** Another process that wants to serve and is killed at a point: the signal that it ended by. */
function serveAndDieAt(point: string, path: string): NodeJS.Signals | null {
  const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href)
  const roots = { root: host.engine.root, runRoot: host.engine.runRoot }
  const program = `
    const { failpoints } = await import(${source('errors/failpoint.ts')})
    const { Engine } = await import(${source('index.ts')})
    failpoints.set(${JSON.stringify(point)}, () => process.kill(process.pid, 'SIGKILL'))
    const engine = await Engine.open(${JSON.stringify(roots)})
    await engine.serve({ socket: ${JSON.stringify(path)} })`
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]).signal
}

const isServing = ({ status }: PromiseSettledResult<ApiServer>) => status === 'fulfilled'

describe('the socket', () => {
  test("is root's and the group docker's, and of nobody else", async () => {
    const path = newPlace()
    await using _ = await serve({ socket: path })
    const { mode, uid, gid } = lstatSync(path)
    expect({ mode: mode & 0o777, uid, gid }).toEqual({ mode: 0o660, uid: 0, gid: groupOf('docker') })
    expect(connectAs(path, [])).toBe('EACCES')
    expect(connectAs(path, [groupOf('docker')])).toBe('connected')
    expect(await ping(path)).toBe(200)
  })

  test('is of the group and mode that are asked for', async () => {
    const path = newPlace()
    await using _ = await serve({ socket: path, group: 'daemon', mode: 0o600 })
    const { mode, gid } = lstatSync(path)
    expect({ mode: mode & 0o777, gid }).toEqual({ mode: 0o600, gid: groupOf('daemon') })
    expect(connectAs(path, [groupOf('daemon')])).toBe('EACCES')
  })

  test('is out of reach for others before it is ready, and nothing changes for the rest of the process', async () => {
    const path = newPlace()
    const before = process.umask()
    const seen: string[] = []
    failpoints.set('serve.directory', () => seen.push(`umask ${process.umask() === before}`))
    failpoints.set('serve.bound', () => {
      const aside = join(path, '..', '.docker.sock.new')
      seen.push(String(existsSync(path)), String(lstatSync(join(aside, 's')).isSocket()))
      seen.push((lstatSync(aside).mode & 0o777).toString(8), connectAs(join(aside, 's'), [groupOf('docker')]))
    })
    try {
      await using _ = await serve({ socket: path })
      expect(seen).toEqual(['umask true', 'false', 'true', '700', 'EACCES'])
      expect(readdirSync(join(path, '..'))).toEqual(['docker.sock'])
    } finally {
      failpoints.clear()
    }
  })

  test('in the directory of what runs lets its group through, and shows it nothing', async () => {
    const path = join(host.engine.runRoot, 'docker.sock')
    await using _ = await serve({ socket: path })
    const docker = groupOf('docker')
    expect(connectAs(path, [docker])).toBe('connected')
    expect(connectAs(path, [])).toBe('EACCES')
    const list = ['--reuid', '65534', '--regid', '65534', '--groups', String(docker), 'ls', host.engine.runRoot]
    expect(spawnSync('setpriv', list).status).not.toBe(0)
  })

  test('has its directory made, such that its group comes to it', async () => {
    const directory = join(host.directory, `place-${++places}`)
    const path = join(directory, 'below', 'docker.sock')
    await using _ = await serve({ socket: path })
    expect([directory, join(directory, 'below')].map((made) => lstatSync(made).mode & 0o777)).toEqual([0o755, 0o755])
  })

  test('may have a path of 107 bytes, and no more', async () => {
    const directory = join(newPlace(), '..')
    const path = join(directory, 'x'.repeat(107 - directory.length - 1))
    await using _ = await serve({ socket: path })
    expect(await ping(path)).toBe(200)
    const error = await serve({ socket: `${path}x` }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'INVALID_OPTION', details: { option: 'socket' } })
    expect(error.message).toContain('has at most 107 bytes, and this one has 108')
  })

  test.each([
    ['a group that does not exist', { group: 'nobody-has-this' }, 'groupadd nobody-has-this'],
    ['a mode that is none', { mode: 0o7777 }, 'mode must be'],
    ['no path', { socket: '' }, 'must be the path'],
    ['nothing at all', { socket: false }, 'nothing to serve at'],
  ] as const)('is refused for %s', async (_, options, words) => {
    const error = await serve({ socket: newPlace(), ...options }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    expect(error.message).toContain(words)
  })
})

describe('a path that is taken', () => {
  test('by the socket of a server that was killed is taken over', async () => {
    const path = newPlace()
    leaveStale(path)
    await using _ = await serve({ socket: path })
    expect(await ping(path)).toBe(200)
    expect(readdirSync(join(path, '..'))).toEqual(['docker.sock'])
  })

  test.each(points)('by what a server left that was killed at %s is taken over', async (point) => {
    const path = newPlace()
    expect(serveAndDieAt(point, path)).toBe('SIGKILL')
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.docker.sock.lock', '.docker.sock.new'])
    await using _ = await serve({ socket: path })
    expect(await ping(path)).toBe(200)
    expect(readdirSync(join(path, '..'))).toEqual(['docker.sock'])
  })

  test.each(points)('by nobody is free again after an error at %s', async (point) => {
    const path = newPlace()
    failpoints.set(point, () => {
      throw new Error('the disk is full')
    })
    await expect(serve({ socket: path })).rejects.toThrow('the disk is full')
    failpoints.clear()
    expect(readdirSync(join(path, '..'))).toEqual([])
    await using _ = await serve({ socket: path })
    expect(await ping(path)).toBe(200)
  })

  test('by a server that lives is refused, and goes on', async () => {
    const path = newPlace()
    await using _ = await serve({ socket: path })
    await expect(serve({ socket: path })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', details: { path } })
    expect(await ping(path)).toBe(200)
  })

  test('by a file is refused, and the file stays', async () => {
    const path = newPlace()
    writeFileSync(path, 'precious')
    await expect(serve({ socket: path })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(readFileSync(path, 'utf8')).toBe('precious')
    expect(readdirSync(join(path, '..'))).toEqual(['docker.sock'])
  })

  test('is had by one of twelve who want it at once', async () => {
    const path = newPlace()
    leaveStale(path)
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => serve({ socket: path })))
    const losers = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    expect(results.filter(isServing)).toHaveLength(1)
    expect(losers).toEqual(Array.from({ length: 11 }, () => 'ADDRESS_IN_USE'))
    expect(await ping(path)).toBe(200)
    for (const result of results) if (result.status === 'fulfilled') await result.value.close()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  test('is given back by who closes, unless it is another one that is there', async () => {
    const path = newPlace()
    const first = await serve({ socket: path })
    rmSync(path)
    const second = await serve({ socket: path })
    await first.close()
    expect(await ping(path)).toBe(200)
    await second.close()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })
})

describe('the end of a server', () => {
  test('comes by its signal', async () => {
    const path = newPlace()
    const controller = new AbortController()
    const server = await serve({ socket: path, signal: controller.signal })
    controller.abort()
    await server.closed
    expect(existsSync(path)).toBe(false)
  })

  test('comes with that of the engine, and ends connections', async () => {
    const path = newPlace()
    const engine = await host.reopen()
    const server = await engine.serve({ socket: path })
    const client = connect(path)
    await once(client.resume(), 'connect')
    const ended = once(client, 'close')
    await engine.close()
    await server.closed
    await ended
    expect(existsSync(path)).toBe(false)
  })

  test('comes when one of several addresses cannot be had', async () => {
    const path = newPlace()
    const occupant = createServer().listen(0, '127.0.0.1')
    await once(occupant, 'listening')
    const { port } = occupant.address() as { port: number }
    await expect(serve({ socket: path, tcp: { port, insecure: true } })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    expect(readdirSync(join(path, '..'))).toEqual([])
    occupant.close()
  })
})

describe('over TCP', () => {
  test.each([
    ['without TLS', { port: 0 }],
    ['without TLS at all addresses', { port: 0, host: '0.0.0.0', insecure: true }],
    ['without TLS at a name', { port: 0, host: 'ip6-localhost', insecure: true }],
    ['without TLS at what only looks like loopback', { port: 0, host: '127.0.0.1.nip.io', insecure: true }],
  ])('nothing is served %s', async (_, tcp) => {
    await expect(serve({ socket: false, tcp })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { option: 'tcp' },
    })
  })

  test('loopback is served where somebody says so, and no page of a browser', async () => {
    await using server = await serve({ socket: false, tcp: { host: 'localhost', port: 0, insecure: true } })
    const { port } = new URL(server.addresses[0] as string)
    const asked = (headers: Record<string, string>) => ask({ host: '127.0.0.1', port, headers })
    expect(server.addresses).toEqual([`tcp://127.0.0.1:${port}`])
    expect(await asked({})).toBe(200)
    expect(await asked({ Host: `localhost:${port}` })).toBe(200)
    expect(await asked({ Origin: 'http://evil.example' })).toBe(403)
    expect(await asked({ Host: 'evil.example' })).toBe(403)
    expect(await asked({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
  })

  describe('with TLS', () => {
    const ours = authority('ours')
    const others = authority('others')
    const tls = { ...ours.certificate('server'), ca: ours.cert }
    const client = ours.certificate('client')
    let server: ApiServer
    let port: string

    beforeAll(async () => {
      server = await serve({ socket: false, tcp: { port: 0, tls } })
      port = new URL(server.addresses[0] as string).port
    })
    afterAll(() => server.close())

    const secured = (options: RequestOptions & { cert?: string; key?: string }) =>
      ask({ host: '127.0.0.1', port, ca: ours.cert, ...options } as RequestOptions, httpsRequest as typeof httpRequest)

    test('clients of the authority are answered', async () => {
      expect(await secured(client)).toBe(200)
    })

    test('the docker client is', async () => {
      const directory = join(newPlace(), '..')
      for (const [name, text] of Object.entries({
        'ca.pem': ours.cert,
        'cert.pem': client.cert,
        'key.pem': client.key,
      }))
        writeFileSync(join(directory, name), text)
      const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory }
      const { stdout, stderr } = await command('docker', ['version', '--format', '{{.Server.Os}}'], { env })
      expect({ stdout, stderr }).toEqual({ stdout: 'linux\n', stderr: '' })
    })

    test('others are not: without a certificate, with one of another authority, with one that says it is ours', async () => {
      expect(await secured({})).toEqual(expect.any(String))
      expect(await secured(others.certificate('client'))).toEqual(expect.any(String))
      expect(await secured(authority('ours').certificate('client'))).toEqual(expect.any(String))
    })

    test('nor is who does not encrypt', async () => {
      expect(await ask({ host: '127.0.0.1', port })).toEqual(expect.any(String))
      expect(await secured(client)).toBe(200)
    })

    test.each([
      ['no authority, which would be all of the Internet', { ...tls, ca: '' }],
      ['a key of another certificate', { ...tls, key: ours.key }],
      ['the name of a file', { ...tls, cert: '/etc/cert.pem' }],
      [
        'what only looks like a certificate',
        { ...tls, cert: '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----' },
      ],
    ])('is refused with %s', async (_, broken) => {
      await expect(serve({ socket: false, tcp: { port: 0, tls: broken } })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        details: { option: 'tcp' },
      })
    })
  })
})

test('of 20,000 exchanges, some of which nobody waited for, nothing is left with the server', async () => {
  const path = newPlace()
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const server = createHttpServer(answering(host.engine, serverState(closing.signal))).listen(path)
  const clients = Array.from({ length: 8 }, () => connect(path).resume())
  for (const client of clients) client.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n'.repeat(2_500))
  const [patient, ...others] = clients as [Socket, ...Socket[]]
  for (const client of others) client.destroySoon()
  patient.end()
  await Promise.all(clients.map((client) => once(client, 'close')))
  await promisify(server.close.bind(server))()
  expect(getEventListeners(closing.signal, 'abort')).toEqual([])
})
