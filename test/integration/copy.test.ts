import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { archive, describeTree } from '../../src/layer/fixture.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let directory: string
beforeAll(async () => {
  host = await testEngine(['busybox'])
  directory = mkdtempSync('/tmp/ib-copy-')
  writeFileSync(join(directory, 'file'), 'from the host\n')
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
const mountsOfRoot = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(host.directory))
const sleeping = (name: string) =>
  host.engine
    .run('busybox', ['sh', '-c', 'echo ready; exec sleep 1000'])
    .name(name)
    .volume(`${name}-data:/data`)
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

describe.each(Object.keys(states))('of a %s container', (state) => {
  test('its root, its volumes and directories of the host are copied into and out of', async () => {
    const name = `places-${state}`
    const container = await (states[state] as (typeof states)[string])(name)
    const mounts = mountsOfRoot()
    for (const target of ['/own', '/data/', '/bound', '/new/..'].slice(0, 3))
      await container.copyTo(join(directory, 'file'), target)
    const back = place(`${name}-back`)
    await container.copyFrom('/own', join(back, 'own'))
    await container.copyFrom('/data/.', join(back, 'data'))
    await container.copyFrom('/bound', back)
    await container.copyFrom('/bin/busybox', back)
    expect(readdirSync(back, { recursive: true }).sort()).toEqual([
      'bound',
      'bound/file',
      'busybox',
      'data',
      'data/file',
      'own',
    ])
    expect(readFileSync(join(directory, name, 'file'), 'utf8')).toBe('from the host\n')
    await expect(container.copyTo(join(directory, 'file'), '/read/')).rejects.toThrow(
      'mounted volume is marked read-only',
    )
    const { Mountpoint } = await (await host.engine.volumes.get(`${name}-data`)).inspect()
    expect(readdirSync(Mountpoint)).toEqual(['file'])
    expect(mountsOfRoot()).toEqual(mounts)
    const tar = await container.archive('/own')
    expect(tar.stat).toMatchObject({ name: 'own', size: 14, linkTarget: '' })
    expect(execFileSync('tar', ['-xOf', '-'], { input: await buffer(tar), encoding: 'utf8' })).toBe('from the host\n')
    await container.extract(archive({ name: 'x/y', content: 'extracted' }), '/data')
    expect(readFileSync(join(Mountpoint, 'x/y'), 'utf8')).toBe('extracted')
    // What was copied while it did not run is there when it does.
    if (state === 'paused') await container.unpause()
    await container.start()
    expect((await container.exec(['cat', '/own', '/data/x/y'])).stdout).toBe('from the host\nextracted')
    await container.remove({ force: true })
  })
})

test('a tmpfs is copied into and out of while it is mounted, and the kernel’s filesystems are as empty directories', async () => {
  const container = await sleeping('kernel')
  await container.copyTo(join(directory, 'file'), '/tmp1')
  expect((await container.exec(['cat', '/tmp1/file'])).stdout).toBe('from the host\n')
  const back = place('kernel-back')
  await container.copyFrom('/tmp1', back)
  expect(readdirSync(join(back, 'tmp1'))).toEqual(['file'])
  for (const path of ['/proc', '/sys']) await container.copyFrom(path, back)
  expect(readdirSync(back, { recursive: true }).sort()).toEqual(['proc', 'sys', 'tmp1', 'tmp1/file'])
  for (const path of ['/proc/version', '/proc/1/root/etc', '/proc/self/environ', '/sys/kernel/../kernel'])
    await expect(container.copyFrom(path, back)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  for (const path of ['/proc', '/sys/', '/dev/pts/x'])
    await expect(container.copyTo(join(directory, 'file'), path)).rejects.toThrow('kernel’s'.replace('’', "'"))
  await expect(container.copyTo(join(directory, 'file'), '/proc/1/')).rejects.toThrow()
  await container.remove({ force: true })
})

const made = `mkdir d; echo f >d/f; ln d/f d/g; chown 65534:2 d/f; chmod 4755 d/f; setfattr -n user.x -v y d/f; truncate -s 3M d/hole
  mkfifo d/p; mknod d/null c 1 3; ln -s /etc/passwd d/link; touch -d '2001-01-01 UTC' d/f
  echo bytes >$'d/\\xff\\xfe'; echo long >d/${'n'.repeat(255)}; mkdir -p d/${'deep/'.repeat(40)}`

describe.each(['running', 'created'])('with a %s container', (state) => {
  test('files come back as they went: owners, attributes, links, holes, devices, names of any bytes', async () => {
    const container = await (states[state] as (typeof states)[string])(`all-${state}`)
    const [there, back] = [place(`all-${state}-there`), place(`all-${state}-back`)]
    execFileSync('bash', ['-ec', made], { cwd: there })
    await container.copyTo(join(there, 'd'), '/')
    await container.copyFrom('/d', back, { archive: true })
    expect(describeTree(join(back, 'd'))).toEqual(describeTree(join(there, 'd')))
    expect(statSync(join(back, 'd/hole')).blocks).toBe(0)
    expect(statSync(join(back, 'd/f')).ino).toBe(statSync(join(back, 'd/g')).ino)
    await container.remove({ force: true })
  })
})

test('copies of one stopped container go on at once, also from one place of it to another', async () => {
  const container = (await states.exited?.('together')) as Container
  const big = join(directory, 'big')
  execFileSync('truncate', ['-s', '8M', big])
  execFileSync('bash', ['-c', `head -c 8M /dev/urandom >${big}`])
  await container.copyTo(big, '/big')
  await container.extract(await container.archive('/big'), '/data')
  await Promise.all(Array.from({ length: 8 }, (_, n) => container.copyTo(join(directory, 'file'), `/n${n}`)))
  const back = place('together-back')
  await Promise.all(Array.from({ length: 8 }, (_, n) => container.copyFrom(`/n${n}`, back)))
  expect(readdirSync(back).length).toBe(8)
  await container.copyFrom('/data/big', back)
  expect(readFileSync(join(back, 'big')).equals(readFileSync(big))).toBe(true)
  expect(await container.diff()).toContainEqual({ kind: 'A', path: '/n7' })
  await container.remove()
})

test('a container whose files are being read starts when that is over', async () => {
  const container = (await states.exited?.('starts-later')) as Container
  await container.copyTo(join(directory, 'big'), '/big')
  const tar = await container.archive('/big')
  tar.once('readable', () => {})
  const other = await host.reopen()
  const started = (await other.containers.get(container.id)).start()
  const first = await Promise.race([
    started.then(() => 'started'),
    new Promise((done) => setTimeout(done, 100, 'waits')),
  ])
  expect(first).toBe('waits')
  expect((await buffer(tar)).length).toBeGreaterThan(8 << 20)
  await started
  expect((await container.inspect()).State.Running).toBe(true)
  await container.remove({ force: true })
})

test('who aborts a copy has ended it, and its container is free', async () => {
  const container = (await states.exited?.('aborted')) as Container
  await container.copyTo(join(directory, 'big'), '/big')
  const stop = new AbortController()
  const tar = await container.archive('/big', { signal: stop.signal })
  tar.read(1)
  const failed = new Promise((resolve) => tar.once('error', resolve))
  stop.abort(new Error('enough'))
  expect(await failed).toMatchObject({ message: 'enough' })
  const copy = new AbortController()
  const source = (async function* () {
    yield archive({ name: 'f', content: 'x' }).subarray(0, 512)
    copy.abort(new Error('no more'))
    await new Promise(() => {})
  })()
  await expect(container.extract(source, '/', { signal: copy.signal })).rejects.toThrow('no more')
  await container.start()
  await container.remove({ force: true })
})

test('what is copied of a container that ends or is started again is what it was; of one that is removed nothing is whole', async () => {
  const restarted = await sleeping('restarted')
  await restarted.copyTo(join(directory, 'big'), '/data/big')
  const tar = await restarted.archive('/data')
  tar.read(1)
  await restarted.kill()
  await restarted.wait()
  await restarted.start()
  expect((await buffer(tar)).length).toBeGreaterThan(8 << 20)
  const removed = await sleeping('removed')
  await removed.copyTo(join(directory, 'big'), '/big')
  const half = await removed.archive('/big')
  half.read(1)
  await removed.remove({ force: true })
  await expect(buffer(half)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  await expect(removed.copyTo(join(directory, 'file'), '/')).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  await restarted.remove({ force: true })
})

test('a container between two of its runs is copied into and out of, and goes on with what it got', async () => {
  const container = await host.engine
    .run('busybox', ['sh', '-c', 'cat /got /data/got 2>/dev/null && exec sleep 1000; exit 1'])
    .name('between')
    .volume('between-data:/data')
    .restart('always')
  await expect.poll(async () => (await container.inspect()).State.Status, { timeout: 30_000 }).toBe('restarting')
  await container.copyTo(join(directory, 'file'), '/data/got')
  await container.copyTo(join(directory, 'file'), '/got')
  await container.copyFrom('/got', place('between-back'))
  await expect.poll(() => container.logs().text(), { timeout: 30_000 }).toContain('from the host\n'.repeat(2))
  await container.remove({ force: true })
})

test('another process copies as well, and leaves nothing when it is killed at it', async () => {
  const container = (await states.exited?.('elsewhere')) as Container
  await container.copyTo(join(directory, 'big'), '/big')
  await inAnotherProcess(
    host,
    `const container = await engine.containers.get('elsewhere')
     await container.copyTo(${JSON.stringify(join(directory, 'file'))}, '/data/from-elsewhere')`,
  )
  await expect(
    inAnotherProcess(
      host,
      `const tar = await (await engine.containers.get('elsewhere')).archive('/big')
       tar.read(1)
       process.kill(process.pid, 'SIGKILL')`,
    ),
  ).rejects.toMatchObject({ signal: 'SIGKILL' })
  await container.copyFrom('/data/from-elsewhere', place('elsewhere-back'))
  await container.start()
  await container.remove({ force: true })
  // Who opens the root lets go of volumes for those who died.
  await (await host.reopen()).close()
  expect(await host.leaks()).toEqual([])
})

test('a copy into a container that was never started decides who its user is', async () => {
  const container = await host.engine.run('busybox', ['id', '-u']).user('root').create()
  await container.extract(archive({ name: 'passwd', content: 'root:x:4242:0::/:/bin/sh\n' }), '/etc')
  const { exit, output } = await outputOf(container)
  expect([exit, output]).toEqual([0, '4242\n'])
  await container.remove()
})

async function outputOf(container: Container) {
  await container.start()
  const { exitCode } = await container.wait()
  return { exit: exitCode, output: await container.logs().text() }
}

test('copies are told of', async () => {
  const container = (await states.created?.('told')) as Container
  await container.copyTo(join(directory, 'file'), '/')
  await container.copyFrom('/file', place('told-back'))
  await container.copyTo(join(directory, 'file'), '/read').catch(() => {})
  ;(await container.archive('/file')).resume()
  const actions: string[] = []
  for await (const { action } of container.events({ since: 0, until: Date.now() + 1 })) actions.push(action)
  expect(actions).toEqual(['create', 'extract-to-dir', 'archive-path', 'archive-path'])
  await container.remove()
})

test('what is at a path is told, running or not', async () => {
  const container = await host.engine.run('busybox', ['sleep', '100'], { stopTimeout: 0 }).create()
  expect(await container.stat('/etc/passwd')).toMatchObject({ name: 'passwd', mode: 0o100644, linkTarget: '' })
  await container.start()
  await container.exec(['ln', '-s', 'etc/passwd', '/link'])
  expect(await container.stat('/link')).toMatchObject({ name: 'link', linkTarget: '/etc/passwd' })
  expect(await container.stat('/link', { followLink: true })).toMatchObject({ mode: 0o100644 })
  expect(await container.stat('/')).toMatchObject({ name: '/' })
  await expect(container.stat('/nope')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  await container.remove({ force: true })
})

test('nothing is left of it', async () => {
  expect(await host.leaks()).toEqual([])
})
