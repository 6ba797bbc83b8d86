import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDescriptors } from '../../src/host/fixture.js'
import { type Container, type ErrorCode, FileSystemError } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let directory: string
beforeAll(async () => {
  host = await testEngine(['busybox'])
  directory = mkdtempSync('/tmp/ib-fs-')
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const place = (name: string) => {
  const path = join(directory, name)
  mkdirSync(path, { recursive: true })
  return path
}
const sleeping = (name: string) =>
  host.engine
    .run('busybox', ['sh', '-c', 'echo ready; exec sleep 1000'])
    .name(name)
    .volume(`${name}-data:/data`)
    .volume('/anonymous')
    .volume(`${place(name)}:/bound`)
    .volume(`${name}-data:/read:ro`)
    .tmpfs('/tmp1')

const states: Readonly<Record<string, (name: string) => Promise<Container>>> = {
  running: async (name) => sleeping(name),
  paused: async (name) => {
    const container = await sleeping(name)
    await container.pause()
    return container
  },
  created: (name) => sleeping(name).create(),
  exited: async (name) => {
    const container = await sleeping(name)
    await container.kill()
    await container.wait()
    return container
  },
}
const inState = (state: string, name: string) => (states[state] as (typeof states)[string])(name)
const failing = (code: ErrorCode) => expect.objectContaining({ name: 'FileSystemError', code })

describe.each(Object.keys(states))('of a %s container', (state) => {
  test('files of its root, its volumes and directories of the host are read, written, listed and removed', async () => {
    const container = await inState(state, `places-${state}`)
    const { fs } = container
    for (const top of ['/', '/data/', '/anonymous/', '/bound/']) {
      await fs.writeFile(`${top}one`, 'first\n')
      await fs.appendFile(`${top}one`, 'second\n')
      expect(await fs.readFile(`${top}one`, 'utf8')).toBe('first\nsecond\n')
      expect(await fs.mkdir(`${top}a/b/c`, { recursive: true })).toBe(`${top}a`)
      await fs.writeFile(`${top}a/b/c/deep`, 'x')
      expect((await fs.readdir(`${top}a`, { recursive: true })).sort()).toEqual(['b', 'b/c', 'b/c/deep'])
      await fs.rename(`${top}a/b/c`, `${top}a/moved`)
      await fs.rm(`${top}a/b`, { recursive: true })
      expect(await fs.readdir(`${top}a`)).toEqual(['moved'])
      expect(await fs.exists(`${top}a/b`)).toBe(false)
    }
    expect(readFileSync(join(directory, `places-${state}/one`), 'utf8')).toBe('first\nsecond\n')
    const { Mountpoint } = await (await host.engine.volumes.get(`places-${state}-data`)).inspect()
    expect(readdirSync(Mountpoint).sort()).toEqual(['a', 'one'])
    await expect(fs.writeFile('/read/one', 'x')).rejects.toEqual(failing('EROFS'))
    await expect(fs.rm('/read/one')).rejects.toEqual(failing('EROFS'))
    expect(await fs.readFile('/read/one', 'latin1')).toBe('first\nsecond\n')
    if (state === 'paused') await container.unpause()
    await container.start()
    const { stdout } = await container.exec(['cat', '/one', '/data/one', '/anonymous/a/moved/deep'])
    expect(stdout).toBe('first\nsecond\nfirst\nsecond\nx')
    await container.remove({ force: true, volumes: true })
    expect(await host.leaks()).toEqual([])
  })

  test('nothing of a root that is read-only is changed, and its volumes are', async () => {
    const name = `read-only-${state}`
    const readOnly = sleeping(name).readOnly()
    const container = await (state === 'created' ? readOnly.create() : readOnly)
    if (state === 'paused') await container.pause()
    if (state === 'exited') await container.kill()
    const { fs } = container
    for (const change of [
      () => fs.writeFile('/etc/passwd', 'x'),
      () => fs.writeFile('/new', 'x'),
      () => fs.mkdir('/new'),
      () => fs.rm('/bin', { recursive: true }),
      () => fs.rename('/etc/passwd', '/etc/shadow'),
      () => fs.symlink('x', '/new'),
      () => fs.chmod('/etc/passwd', 0o600),
      () => fs.chown('/etc/passwd', 1, 1),
    ])
      await expect(change()).rejects.toEqual(failing('EROFS'))
    await fs.writeFile('/data/new', 'x')
    expect(await fs.readFile('/etc/passwd', 'utf8')).toContain('root')
    await container.remove({ force: true, volumes: true })
  })
})

test('a tmpfs has what the program has put there, and the kernel’s filesystems are as empty directories', async () => {
  const container = await sleeping('kernel')
  const { fs } = container
  await container.exec(['sh', '-c', 'echo in memory >/tmp1/file; ln -s /proc/1/oom_score_adj /evil; ln -s /proc /sys1'])
  expect(await fs.readFile('/tmp1/file', 'utf8')).toBe('in memory\n')
  await fs.writeFile('/tmp1/other', 'x')
  expect((await container.exec(['ls', '/tmp1'])).stdout).toBe('file\nother\n')
  for (const path of ['/proc', '/sys', '/dev/pts', '/sys1']) {
    expect((await fs.stat(path)).isDirectory()).toBe(true)
    expect(await fs.readdir(path, { recursive: true })).toEqual([])
  }
  for (const path of ['/proc/1/environ', '/proc/version', '/sys1/uptime', '/sys/kernel', '/evil']) {
    await expect(fs.readFile(path)).rejects.toEqual(failing('EACCES'))
    expect(await fs.exists(path)).toBe(false)
  }
  await expect(fs.writeFile('/evil', 'b')).rejects.toEqual(failing('EACCES'))
  await expect(fs.writeFile('/proc/new', 'b')).rejects.toEqual(failing('EACCES'))
  await expect(fs.mkdir('/dev/mqueue/new')).rejects.toEqual(failing('EACCES'))
  await container.remove({ force: true, volumes: true })
})

test.each(['running', 'created'])('no path leads out of a %s container', async (state) => {
  const container = await inState(state, `inside-${state}`)
  const { fs } = container
  const secret = join(directory, 'secret')
  writeFileSync(secret, 'of the host\n')
  await fs.symlink(directory, '/absolute')
  await fs.symlink(`../../../../..${directory}`, '/upwards')
  await fs.symlink('/proc/1/root', '/magic')
  await fs.symlink('/proc/self/fd/0', '/descriptor')
  const places = ['/absolute/', '/upwards/', `/../../..${directory}/`, `${directory}/`, `..${directory}/`]
  for (const path of places) {
    expect(await fs.exists(`${path}secret`)).toBe(false)
    await expect(fs.readFile(`${path}secret`)).rejects.toEqual(failing('ENOENT'))
    await expect(fs.writeFile(`${path}secret`, 'x')).rejects.toEqual(failing('ENOENT'))
  }
  for (const path of [
    '/magic/etc/passwd',
    '/proc/1/root/etc/passwd',
    '/proc/self/fd/0',
    '/descriptor',
    '/proc/1/cwd/x',
  ]) {
    await expect(fs.readFile(path)).rejects.toBeInstanceOf(FileSystemError)
    await expect(fs.writeFile(path, 'x')).rejects.toBeInstanceOf(FileSystemError)
  }
  // As its own programs would: what is made behind the symlink is in the container.
  await fs.mkdir(directory, { recursive: true })
  await fs.writeFile('/absolute/secret', 'of the container\n')
  expect(await fs.readFile(secret, 'utf8')).toBe('of the container\n')
  expect(readFileSync(secret, 'utf8')).toBe('of the host\n')
  await fs.rm('/absolute')
  expect(existsSync(secret)).toBe(true)
  expect(await fs.readFile(secret, 'utf8')).toBe('of the container\n')
  await container.remove({ force: true, volumes: true })
})

test('what is no regular file is neither read nor written, and none of it is waited for', async () => {
  const container = await sleeping('special')
  const { fs } = container
  await container.exec(['sh', '-c', 'mkfifo /fifo; mknod /disk b 7 0; mknod /null c 1 3; ln -s /fifo /link'])
  const server = createServer().listen(join(place('special'), 'socket'))
  await once(server, 'listening')
  for (const path of ['/fifo', '/link', '/disk', '/null', '/dev/null', '/dev/zero', '/bound/socket']) {
    await expect(fs.readFile(path)).rejects.toEqual(failing('EINVAL'))
    await expect(fs.writeFile(path, 'x')).rejects.toEqual(failing('EINVAL'))
    await expect(fs.appendFile(path, 'x')).rejects.toEqual(failing('EINVAL'))
  }
  for (const path of ['/etc', '/', '/data']) {
    await expect(fs.readFile(path)).rejects.toEqual(failing('EISDIR'))
    await expect(fs.writeFile(path, 'x')).rejects.toEqual(failing('EISDIR'))
  }
  expect((await fs.lstat('/fifo')).isFIFO()).toBe(true)
  expect((await fs.stat('/disk')).isBlockDevice()).toBe(true)
  expect((await fs.readdir('/', { withFileTypes: true })).find(({ name }) => name === 'fifo')?.isFIFO()).toBe(true)
  server.close()
  for (const path of ['/fifo', '/disk', '/null', '/link']) await fs.rm(path)
  expect((await fs.readdir('/')).filter((name) => ['fifo', 'disk', 'null', 'link'].includes(name))).toEqual([])
  await container.remove({ force: true, volumes: true })
})

test('names of any bytes come and go as they are', async () => {
  const container = await sleeping('names')
  const { fs } = container
  execFileSync('bash', ['-ec', `printf 1 >$'\\xff\\xfeé'; mkdir $'d\\x80'; printf 2 >$'d\\x80/\\xc3'`], {
    cwd: place('names'),
  })
  const names = await fs.readdir('/bound', { recursive: true })
  expect(names.sort()).toEqual(['d\udc80', 'd\udc80/\udcc3', '\udcff\udcfeé'])
  for (const name of names.filter((one) => one !== 'd\udc80'))
    expect(await fs.readFile(`/bound/${name}`, 'utf8')).toMatch(/^[12]$/)
  const bytes = await fs.readdir('/bound', { encoding: 'buffer' })
  expect(bytes).toContainEqual(Buffer.from([0xff, 0xfe, 0xc3, 0xa9]))
  await fs.rename(Buffer.from('/bound/d\x80', 'latin1'), '/bound/d')
  expect(await fs.readdir('/bound/d', { encoding: 'buffer', withFileTypes: true })).toMatchObject([
    { name: Buffer.from([0xc3]), parentPath: '/bound/d' },
  ])
  await fs.symlink(Buffer.from([0x80]), '/bound/d/link')
  expect(await fs.readlink('/bound/d/link')).toBe('\udc80')
  for (const path of ['a\0b', '\ud800']) await expect(fs.stat(path)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await container.remove({ force: true, volumes: true })
})

test('content comes back as it went: text, bytes, streams, and more than fits into one read', async () => {
  const container = await sleeping('content')
  const { fs } = container
  const big = Buffer.alloc(5 * 1024 * 1024 + 3, 'pattern ')
  await fs.writeFile('/big', big)
  expect((await fs.readFile('/big')).equals(big)).toBe(true)
  await fs.writeFile('/big', Readable.from([Buffer.from('a stream, '), 'of text']))
  expect(await fs.readFile('/big', { encoding: 'utf8' })).toBe('a stream, of text')
  await fs.writeFile('/words', new Uint16Array([0x6161, 0x6262]))
  expect(await fs.readFile('/words', 'ascii')).toBe('aabb')
  await fs.writeFile('/words', 'w6k=', 'base64')
  expect(await fs.readFile('/words')).toEqual(Buffer.from('é'))
  await fs.writeFile('/words', '')
  expect(await fs.readFile('/words', 'utf8')).toBe('')
  await fs.writeFile('/five', '12345')
  expect(await fs.readFile('/five', { maxBytes: 5, encoding: 'utf8' })).toBe('12345')
  await expect(fs.readFile('/five', { maxBytes: 4 })).rejects.toEqual(failing('EFBIG'))
  writeFileSync(join(place('content'), 'sparse'), '')
  truncateSync(join(place('content'), 'sparse'), 2 ** 40)
  await expect(fs.readFile('/bound/sparse')).rejects.toEqual(failing('EFBIG'))
  await container.remove({ force: true, volumes: true })
})

test('flags, modes and owners are Node’s, and numbers', async () => {
  const container = await sleeping('flags')
  const { fs } = container
  await fs.writeFile('/made', 'x', { mode: 0o4600, uid: 12, gid: 34 })
  expect(await fs.stat('/made')).toMatchObject({ mode: 0o104600, uid: 12, gid: 34, size: 1 })
  await fs.writeFile('/made', 'yy', { mode: 0o777, uid: 99 })
  expect(await fs.stat('/made')).toMatchObject({ uid: 12, gid: 34, size: 2 })
  await fs.writeFile('/plain', '')
  expect(await fs.stat('/plain')).toMatchObject({ mode: 0o100644, uid: 0, gid: 0 })
  await expect(fs.writeFile('/made', 'z', { flag: 'wx' })).rejects.toEqual(failing('EEXIST'))
  await expect(fs.writeFile('/missing', 'z', { flag: 'r+' })).rejects.toEqual(failing('ENOENT'))
  await fs.writeFile('/made', 'Z', { flag: 'r+' })
  expect(await fs.readFile('/made', 'utf8')).toBe('Zy')
  await fs.symlink('/etc/../behind', '/dangling')
  await expect(fs.writeFile('/dangling', 'z', { flag: 'wx' })).rejects.toEqual(failing('EEXIST'))
  await fs.writeFile('/dangling', 'through')
  expect(await fs.readFile('/behind', 'utf8')).toBe('through')
  await fs.symlink('circle', '/circle')
  await expect(fs.writeFile('/circle', '')).rejects.toEqual(failing('ELOOP'))
  await fs.mkdir('/shared', { mode: 0o2775, gid: 50 })
  await fs.mkdir('/shared/below')
  expect(await fs.stat('/shared/below')).toMatchObject({ mode: 0o042755, gid: 50 })
  await fs.chmod('/shared', 0o700)
  await fs.chown('/shared', 7, 8)
  expect(await fs.stat('/shared')).toMatchObject({ mode: 0o040700, uid: 7, gid: 8 })
  for (const call of [
    fs.writeFile('/x', '', { mode: 0o10000 }),
    fs.writeFile('/x', '', { uid: -1 }),
    fs.writeFile('/x', '', { flag: 'q' as 'w' }),
    fs.readFile('/x', 'klingon' as 'utf8'),
    fs.readFile('/x', { maxBytes: 1.5 }),
    fs.chmod('/x', Number.NaN),
  ])
    await expect(call).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await container.remove({ force: true, volumes: true })
})

test('a failure has the kernel’s code, the path that was given, and the container’s name', async () => {
  const container = await sleeping('failures')
  const { fs } = container
  const error = await fs.readFile('/no/such').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FileSystemError)
  expect(error).toMatchObject({
    code: 'ENOENT',
    path: '/no/such',
    syscall: 'open',
    message: "ENOENT: no such file or directory, open '/no/such' in container failures",
    details: { container: 'failures' },
  })
  await fs.mkdir('/full/of', { recursive: true })
  await fs.mkdir('/other')
  const codes: readonly [ErrorCode, () => Promise<unknown>][] = [
    ['ENOENT', () => fs.stat('')],
    ['ENOENT', () => fs.writeFile('/no/such', '')],
    ['ENOTDIR', () => fs.stat('/etc/passwd/x')],
    ['ENOTDIR', () => fs.readdir('/etc/passwd')],
    ['ENOTDIR', () => fs.rm('/etc/passwd/')],
    ['EEXIST', () => fs.mkdir('/etc')],
    ['EEXIST', () => fs.mkdir('/')],
    ['EEXIST', () => fs.mkdir('/etc/passwd', { recursive: true })],
    ['EEXIST', () => fs.symlink('x', '/etc')],
    ['EISDIR', () => fs.rm('/full')],
    ['EINVAL', () => fs.rm('/full/..', { recursive: true })],
    ['EINVAL', () => fs.readlink('/etc/passwd')],
    ['ENOTEMPTY', () => fs.rename('/other', '/full')],
    ['EISDIR', () => fs.rename('/etc/passwd', '/other')],
    ['EXDEV', () => fs.rename('/etc/passwd', '/data/passwd')],
    ['EBUSY', () => fs.rm('/data', { recursive: true })],
    ['ENAMETOOLONG', () => fs.writeFile(`/${'n'.repeat(256)}`, '')],
    ['EFBIG', () => fs.readdir('/bin', { maxEntries: 3 })],
  ]
  for (const [code, call] of codes) await expect(call()).rejects.toEqual(failing(code))
  expect(await fs.mkdir('/full/of', { recursive: true })).toBeUndefined()
  await fs.rm('/no/such/thing', { force: true })
  expect(await fs.rename('/no', '/nope').catch((thrown: Error) => thrown.message)).toBe(
    "ENOENT: no such file or directory, rename '/no' -> '/nope' in container failures",
  )
  await container.remove({ force: true, volumes: true })
  await expect(fs.readFile('/etc/passwd')).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
})

test('a tree is removed to its depths, but for what is mounted in it', async () => {
  const container = await host.engine
    .run('busybox', ['sleep', '1000'])
    .name('removal')
    .volume('removal-kept:/top/volume')
  const { fs } = container
  await container.exec([
    'sh',
    '-c',
    'cd /top; echo kept >volume/file; for i in $(seq 400); do mkdir d; cd d; echo x >f; done',
  ])
  await container.exec([
    'sh',
    '-c',
    'mkdir /top/wide; cd /top/wide; for i in $(seq 3000); do : >$i; done; ln -s /etc link',
  ])
  expect(await fs.readdir('/top', { recursive: true })).toHaveLength(800 + 1 + 3001 + 2)
  await expect(fs.rm('/top', { recursive: true })).rejects.toEqual(failing('EBUSY'))
  expect(await fs.readdir('/top', { recursive: true })).toEqual(['volume', 'volume/file'])
  expect(await fs.exists('/etc/passwd')).toBe(true)
  await fs.rm('/top/volume/file')
  await container.remove({ force: true })
})

test('an abort stops what is under way, and what was not begun', async () => {
  const container = await sleeping('abort')
  const { fs } = container
  const reason = new Error('enough')
  await expect(fs.readFile('/etc/passwd', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await container.exec(['sh', '-c', 'mkdir /many; cd /many; for i in $(seq 300); do mkdir -p $i/a/b; done'])
  const controller = new AbortController()
  const endless = (async function* () {
    yield 'begun'
    controller.abort(reason)
    for (;;) yield 'x'.repeat(1000)
  })()
  await expect(fs.writeFile('/endless', endless, { signal: controller.signal })).rejects.toBe(reason)
  expect((await fs.stat('/endless')).size).toBeGreaterThanOrEqual(5)
  const removal = new AbortController()
  const removed = fs.rm('/many', { recursive: true, signal: removal.signal })
  removal.abort(reason)
  await expect(removed).rejects.toBe(reason)
  expect(await fs.exists('/many')).toBe(true)
  await container.remove({ force: true, volumes: true })
})

test('calls leave no descriptor, also those that fail', async () => {
  const container = await sleeping('descriptors')
  const { fs } = container
  // Node keeps what its first watch has opened.
  watch('/').close()
  const calls = async () => {
    await fs.writeFile('/file', 'x')
    await fs.readFile('/file')
    await fs.mkdir('/d/e', { recursive: true })
    await fs.readdir('/', { recursive: true, maxEntries: 5 }).catch(() => {})
    await fs.readdir('/etc')
    await fs.rm('/d', { recursive: true })
    await fs.readFile('/dev/null').catch(() => {})
    await fs.readFile('/none').catch(() => {})
    await fs.writeFile('/etc', '').catch(() => {})
    await fs.rename('/file', '/data/file').catch(() => {})
    for await (const _ of fs.watch('/', { recursive: true, signal: AbortSignal.timeout(50) }));
  }
  await calls().catch(() => {})
  const before = openDescriptors()
  for (let round = 0; round < 3; round++) await calls().catch(() => {})
  await expect.poll(openDescriptors).toBeLessThanOrEqual(before)
  await container.remove({ force: true, volumes: true })
})

test('a file that a program has a lease on is read when it gives that up', async () => {
  const container = await sleeping('lease')
  const path = join(place('lease'), 'leased')
  writeFileSync(path, 'leased\n')
  const script = `import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGIO, lambda *_: None)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
signal.pause()
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)`
  const holder = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  expect(await container.fs.readFile('/bound/leased', 'utf8')).toBe('leased\n')
  await container.remove({ force: true, volumes: true })
})

describe('of a container that does not run', () => {
  test('many calls share a mount, and it starts and is removed without waiting for who only might come back', async () => {
    const container = await inState('exited', 'sharing')
    const { fs } = container
    await Promise.all(Array.from({ length: 20 }, (_, n) => fs.writeFile(`/n${n}`, `${n}`)))
    for (let n = 0; n < 20; n++) expect(await fs.readFile(`/n${n}`, 'utf8')).toBe(`${n}`)
    await container.start()
    expect((await container.exec(['cat', '/n3', '/n19'])).stdout).toBe('319')
    await container.kill()
    expect(await fs.exists('/n5')).toBe(true)
    await container.remove({ volumes: true })
    expect(await host.leaks()).toEqual([])
  })

  test('another process reads what was written, and starts it', async () => {
    const container = await inState('created', 'elsewhere')
    await container.fs.writeFile('/from-here', 'x')
    const seen = await inAnotherProcess(
      host,
      `const container = await engine.containers.get('elsewhere')
      const text = await container.fs.readFile('/from-here', 'utf8')
      await container.start()
      return text`,
    )
    expect(seen).toBe('x')
    expect(await container.fs.readFile('/from-here', 'utf8')).toBe('x')
    await container.remove({ force: true, volumes: true })
  })

  test('an engine that is closed leaves nothing mounted', async () => {
    const other = await host.reopen()
    const container = await inState('created', 'closing')
    const same = await other.containers.get(container.id)
    await same.fs.writeFile('/x', 'y')
    await other.close()
    await expect(same.fs.readFile('/x')).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
    await container.start()
    expect(await container.fs.readFile('/x', 'utf8')).toBe('y')
    await container.remove({ force: true, volumes: true })
    expect(await host.leaks()).toEqual([])
  })
})
