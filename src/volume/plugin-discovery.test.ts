import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { dockerPluginDirectories, findPlugin, listPlugins } from './plugin-discovery.js'

function directories() {
  const root = temporaryDirectory()
  const put = (path: string, text: string | object) => {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text))
    return file
  }
  const listen = async (path: string) => {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    const server = createServer().listen(file)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    return file
  }
  const where = { sockets: [join(root, 'run')], specs: [join(root, 'etc'), join(root, 'lib')] }
  return { root, put, listen, where, find: (name: string) => findPlugin(name, where) }
}

const unix = (path: string) => ({ kind: 'unix', path })

test("plugins are looked for where Docker's are", () => {
  expect(dockerPluginDirectories).toEqual({
    sockets: ['/run/docker/plugins'],
    specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'],
  })
})

test.each(['run/disk.sock', 'run/disk/disk.sock'])('a plugin is found by its socket %s', async (path) => {
  const { listen, find } = directories()
  const socket = await listen(path)
  expect(await find('disk')).toEqual({ name: 'disk', source: socket, target: unix(socket) })
})

test.each(['etc/disk.spec', 'etc/disk/disk.spec', 'lib/disk.spec', 'lib/disk/disk.spec'])(
  'a plugin is found by its file %s',
  async (path) => {
    const { put, find } = directories()
    const source = put(path, 'unix:///srv/disk.sock\n')
    expect(await find('disk')).toEqual({ name: 'disk', source, target: unix('/srv/disk.sock') })
  },
)

test.each(['etc/disk.json', 'etc/disk/disk.json', 'lib/disk.json', 'lib/disk/disk.json'])(
  'a plugin is found by its description %s, under the name of the file',
  async (path) => {
    const { put, find } = directories()
    const source = put(path, { Name: 'another', Addr: 'unix:///srv/disk.sock' })
    expect(await find('disk')).toEqual({ name: 'disk', source, target: unix('/srv/disk.sock') })
  },
)

test('a socket comes before a spec, a spec before a description, and /etc before /usr/lib', async () => {
  const { put, listen, find } = directories()
  put('lib/disk.spec', 'unix:///lib')
  expect((await find('disk'))?.target).toEqual(unix('/lib'))
  put('etc/disk/disk.json', { Addr: 'unix:///etc/json' })
  expect((await find('disk'))?.target).toEqual(unix('/etc/json'))
  put('etc/disk/disk.spec', 'unix:///etc/spec')
  expect((await find('disk'))?.target).toEqual(unix('/etc/spec'))
  const socket = await listen('run/disk.sock')
  expect((await find('disk'))?.target).toEqual(unix(socket))
})

test.each([
  ['tcp://10.0.0.7:9000', { kind: 'tcp', host: '10.0.0.7', port: 9000 }],
  ['tcp://[fd00::7]:9000', { kind: 'tcp', host: 'fd00::7', port: 9000 }],
  ['http://plugins.test/some/path', { kind: 'tcp', host: 'plugins.test', port: 80 }],
  ['https://plugins.test', { kind: 'tcp', host: 'plugins.test', port: 443, tls: { insecure: false } }],
])('the address %s is understood', async (address, target) => {
  const { put, find } = directories()
  put('etc/disk.spec', address)
  expect((await find('disk'))?.target).toEqual(target)
})

test('a description says whom to trust, and has TLS spoken also for tcp://', async () => {
  const { put, find } = directories()
  const TLSConfig = { InsecureSkipVerify: false, CAFile: '/c/ca.pem', CertFile: '/c/cert.pem', KeyFile: '/c/key.pem' }
  put('etc/disk.json', { Name: 'disk', Addr: 'tcp://127.0.0.1:9000', TLSConfig })
  const tls = { insecure: false, caFile: '/c/ca.pem', certFile: '/c/cert.pem', keyFile: '/c/key.pem' }
  expect((await find('disk'))?.target).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 9000, tls })
})

test.each([
  ['disk.spec', ''],
  ['disk.spec', '/srv/disk.sock'],
  ['disk.spec', 'unix://relative.sock'],
  ['disk.spec', 'ftp://127.0.0.1:21'],
  ['disk.spec', 'tcp://127.0.0.1:70000'],
  ['disk.spec', 'tcp://user:secret@127.0.0.1:1'],
  ['disk.spec', `unix:///${'x'.repeat(200)}`],
  ['disk.spec', ' '.repeat(70_000)],
  ['disk.json', 'unix:///srv/disk.sock'],
  ['disk.json', '[]'],
  ['disk.json', '{}'],
  ['disk.json', '{"Addr":"unix:///x","TLSConfig":"none"}'],
  ['disk.json', '{"Addr":"https://x","TLSConfig":{"CAFile":"ca.pem"}}'],
  ['disk.json', '{"Addr":"https://x","TLSConfig":{"CertFile":"/cert.pem"}}'],
])('a file %s that says %.40s is refused by name', async (name, text) => {
  const { put, find } = directories()
  const path = put(`etc/${name}`, text)
  const error = await find('disk').catch((error) => error)
  expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED', details: { path } })
  expect(error.message).toContain(path)
  expect(error.message).not.toContain('secret')
})

test('a FIFO in the place of a spec is refused and not waited for', async () => {
  const { root, find } = directories()
  mkdirSync(join(root, 'etc'))
  execFileSync('mkfifo', [join(root, 'etc/disk.spec')])
  await expect(find('disk')).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
})

test('what is no socket is no plugin', async () => {
  const { put, find } = directories()
  put('run/disk.sock', '')
  expect(await find('disk')).toBeUndefined()
})

test.each(['', '.', '..', '../etc/disk', 'a/b', 'vieux/sshfs:latest', 'a\0b', '-x', 'x'.repeat(300)])(
  'the name %j never leads to a path',
  async (name) => {
    const { root, put, where } = directories()
    put('etc/disk.spec', 'unix:///x')
    put(`a/b.spec`, 'unix:///x')
    expect(await findPlugin(name, { ...where, specs: [root, join(root, 'lib')] })).toBeUndefined()
  },
)

test('all plugins are listed once, by the names under which they are found', async () => {
  const { root, put, listen, where } = directories()
  await listen('run/one.sock')
  await listen('run/two/two.sock')
  await listen('run/three/other.sock')
  put('run/four.sock', '')
  put('etc/five.spec', 'unix:///x')
  put('etc/one.spec', 'unix:///x')
  put('lib/six/six.json', {})
  put('lib/README', '')
  mkdirSync(join(root, 'etc/seven.spec'))
  symlinkSync('loop.spec', join(root, 'etc/loop.spec'))
  expect(await listPlugins(where)).toEqual(['five', 'one', 'six', 'two'])
})

test('there are no plugins where there are no directories', async () => {
  expect(await listPlugins({ sockets: ['/nonexistent/a'], specs: ['/nonexistent/b'] })).toEqual([])
  expect(await findPlugin('disk', { sockets: ['/nonexistent/a'], specs: ['/dev/null'] })).toBeUndefined()
})
