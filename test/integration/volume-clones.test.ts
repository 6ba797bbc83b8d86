import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loopVolumes } from '../../examples/drivers/loop-volumes.js'
import { failpoints } from '../../src/errors/failpoint.js'
import { AT_FDCWD, native, S_IFCHR } from '../../src/host/index.js'
import { type Container, Engine, type Volume } from '../../src/index.js'
import { describeTree } from '../../src/layer/fixture.js'
import { makeImage, mountDirectory, mountsBelow } from '../../src/volume/local-fixture.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine()
  engine = host.engine
})
afterEach(async () => {
  failpoints.clear()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove({ force: true })
  expect((await readdir(join(engine.root, 'volumes'))).filter((name) => name !== '.layers')).toEqual([])
  expect(layers()).toEqual([])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const volumesDirectory = () => join(engine.root, 'volumes')
const dataOf = (name: string) => join(volumesDirectory(), name, '_data')
const layers = () =>
  existsSync(join(volumesDirectory(), '.layers')) ? readdirSync(join(volumesDirectory(), '.layers')) : []
const statusOf = async (volume: Volume) => (await volume.inspect()).Status

/** What a program prints that has the volume at `/data`. */
async function inside({ name }: Volume, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await engine
    .run('busybox', ['sh', '-ec', script])
    .volume(`${name}:/data`)
    .rm()
    .output()
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

const write = (volume: Volume, content: string, path = 'file') => inside(volume, `echo ${content} >/data/${path}`)
const read = async (volume: Volume, path = 'file') => (await inside(volume, `cat /data/${path}`)).trim()

/** Keeps a volume mounted by a container that has it. */
async function mounted({ name }: Volume): Promise<{ mountpoint: string; end: () => Promise<void> }> {
  const container = await engine.run('busybox', ['sleep', '1000']).volume(`${name}:/data`)
  return { mountpoint: dataOf(name), end: () => container.remove({ force: true }) }
}

/** A volume of files of all kinds, plain on the disk. */
async function sample(name = 'source'): Promise<Volume> {
  const volume = await engine.volumes.create(name)
  const data = dataOf(name)
  await mkdir(join(data, 'deep/er'), { recursive: true })
  await writeFile(join(data, 'file'), 'first\n')
  await writeFile(join(data, 'deep/er/file'), 'x'.repeat(100_000))
  const addon = native()
  addon.symlinkat('/etc/passwd', AT_FDCWD, join(data, 'link'))
  addon.mknodat(AT_FDCWD, join(data, 'fifo'), 0o010640, 0, 0)
  addon.mknodat(AT_FDCWD, join(data, 'null'), S_IFCHR | 0o666, 1, 3)
  addon.setxattrAt(AT_FDCWD, join(data, 'file'), 'user.kept', Buffer.from('value'))
  addon.chownAt(AT_FDCWD, join(data, 'deep'), 999, 1000)
  addon.chownAt(AT_FDCWD, data, 70, 71)
  addon.chmodAt(AT_FDCWD, data, 0o2750)
  addon.utimesAt(AT_FDCWD, join(data, 'file'), [1, 2], [1_500_000_000, 7])
  addon.utimesAt(AT_FDCWD, data, [1, 2], [1_400_000_000, 5])
  return volume
}

describe('a clone', () => {
  it('has all that the volume has, its root too, and shares it', async () => {
    const source = await sample()
    const expected = describeTree(join(volumesDirectory(), 'source')).filter((line) => line.startsWith('_data'))
    const clone = await source.clone('clone', { labels: { stage: 'ci' } })
    expect(clone.name).toBe('clone')
    expect(await clone.inspect({ size: true })).toMatchObject({
      Driver: 'local',
      Labels: { stage: 'ci' },
      Mountpoint: dataOf('clone'),
      Options: null,
      Status: { Layers: 1 },
      UsageData: { Size: 0, RefCount: 0 },
    })
    expect(await statusOf(source)).toEqual({ Layers: 1 })
    for (const volume of [source, clone]) {
      const { end } = await mounted(volume)
      const found = describeTree(join(volumesDirectory(), volume.name)).filter((line) => line.startsWith('_data'))
      await end()
      expect(found).toEqual(expected)
    }
    expect(layers()).toHaveLength(1)
  })

  it('and the volume go their own ways from then on, and so do clones of clones', async () => {
    const source = await sample()
    const clone = await source.clone('clone')
    const second = await clone.clone('second')
    await write(source, 'by source')
    await write(clone, 'by clone')
    await inside(clone, 'rm -r /data/deep; mkdir /data/deep; touch /data/deep/new')
    const third = await clone.clone('third')
    await write(third, 'by third')
    await inside(source, 'mv /data/deep /data/moved')
    expect(await Promise.all([source, clone, second, third].map((volume) => read(volume)))).toEqual([
      'by source',
      'by clone',
      'first',
      'by third',
    ])
    expect(await inside(source, 'ls /data')).toBe('fifo\nfile\nlink\nmoved\nnull\n')
    expect(await inside(source, 'ls /data/moved/er')).toBe('file\n')
    expect(await inside(third, 'ls /data/deep')).toBe('new\n')
    expect(await inside(second, 'ls /data/deep')).toBe('er\n')
    expect(await statusOf(third)).toEqual({ Layers: 2 })
  })

  it('has no layer of its own for a volume that has not changed since', async () => {
    const source = await sample()
    const clones = await Promise.all(Array.from({ length: 20 }, (_, at) => source.clone(`clone-${at}`)))
    expect(layers()).toHaveLength(1)
    expect(await read(clones[19] as Volume)).toBe('first')
    await inside(source, 'chmod 700 /data')
    const after = await source.clone('after')
    expect(layers()).toHaveLength(2)
    expect(await inside(after, 'stat -c %a /data')).toBe('700\n')
    expect(await inside(clones[0] as Volume, 'stat -c %a /data')).toBe('2750\n')
  })

  it('is a copy once there are too many layers, with the same in it', async () => {
    let last = await sample()
    for (let at = 1; at <= 33; at++) {
      const { end, mountpoint } = await mounted(last)
      await writeFile(join(mountpoint, `made-${at}`), `${at}`)
      await end()
      last = await last.clone(`chain-${at}`)
    }
    expect(await statusOf(last)).toBeUndefined()
    expect(await statusOf(await engine.volumes.get('chain-32'))).toEqual({ Layers: 32 })
    expect((await readdir(dataOf(last.name))).filter((name) => name.startsWith('made-'))).toHaveLength(33)
    expect(await read(last)).toBe('first')
  })

  it('keeps what it needs of volumes that are removed, in any order, and no more', async () => {
    const source = await sample()
    const clone = await source.clone('clone')
    await write(clone, 'changed')
    const second = await clone.clone('second')
    expect(layers()).toHaveLength(2)
    await clone.remove()
    await source.remove()
    expect(layers()).toHaveLength(2)
    expect(await read(second)).toBe('changed')
    expect(await inside(second, 'ls /data/deep/er')).toBe('file\n')
    expect((await second.inspect({ size: true })).UsageData?.Size).toBeGreaterThan(100_000)
    await second.remove()
    expect(layers()).toEqual([])
  })

  it('of an empty volume is filled by the first image that has something there, as that would be', async () => {
    const source = await engine.volumes.create('source')
    const clone = await source.clone('clone')
    const run = () => engine.run('busybox', ['ls', '/etc']).volume(`${clone.name}:/etc`).rm().output()
    const { stdout } = await engine.run('busybox', ['ls', '/etc']).volume('plain:/etc').rm().output()
    expect((await run()).stdout).toBe(stdout)
    expect(await inside(source, 'ls /data')).toBe('')
  })

  it('can be exported, imported to, copied to and from', async () => {
    const clone = await (await sample()).clone('clone')
    const other = await engine.volumes.create('other')
    await clone.copyTo('/etc/hostname', '/hostname')
    await other.import(clone.export())
    expect(await readdir(dataOf('other'))).toEqual(['deep', 'fifo', 'file', 'hostname', 'link', 'null'])
    expect(await readFile(join(dataOf('other'), 'file'), 'utf8')).toBe('first\n')
    await clone.copyFrom('/deep/er/file', join(host.directory, 'copied'))
    expect(await readFile(join(host.directory, 'copied'), 'utf8')).toHaveLength(100_000)
    expect(await readdir(dataOf('clone'))).toEqual([])
  })

  it('is shared by containers as a volume is, and mounted once', async () => {
    const clone = await (await sample()).clone('clone')
    const { end } = await mounted(clone)
    expect(await inside(clone, 'echo two >/data/file')).toBe('')
    expect(await readFile(join(dataOf('clone'), 'file'), 'utf8')).toBe('two\n')
    await end()
    // Who removes itself lets go of it behind the answer.
    await expect.poll(() => readdir(dataOf('clone'))).toEqual([])
    expect(await read(clone)).toBe('two')
  })

  it('is not made under a name that is taken, or that is none', async () => {
    const source = await sample()
    await source.clone('clone')
    await expect(source.clone('clone')).rejects.toEqual(code('VOLUME_EXISTS', 'clone'))
    await expect(source.clone('source')).rejects.toEqual(code('VOLUME_EXISTS', 'source'))
    await expect(source.clone('../clone')).rejects.toEqual(code('INVALID_OPTION'))
    await source.remove()
    await expect(source.clone('late')).rejects.toEqual(code('VOLUME_NOT_FOUND', 'get source: no such volume'))
    expect((await engine.volumes.list()).map(({ name }) => name)).toEqual(['clone'])
  })
})

describe('a snapshot', () => {
  it('is named after its volume, however long that name is', async () => {
    const source = await sample()
    const snapshot = await source.snapshot()
    expect(snapshot.name).toMatch(/^source-[0-9a-f]{8}$/)
    await write(source, 'changed')
    expect(await read(snapshot)).toBe('first')
    expect((await source.snapshot({ name: 'own' })).name).toBe('own')
    const longest = await engine.volumes.create('x'.repeat(255))
    expect((await longest.snapshot()).name).toMatch(/^x{246}-[0-9a-f]{8}$/)
  })
})

describe('a volume that containers use', () => {
  it('is copied while they stand still, at one moment', async () => {
    const source = await engine.volumes.create('source')
    const script = `
      mkdir /data/one /data/two
      for at in $(seq 100); do for of in one two; do head -c 500000 /dev/zero >/data/$of/$at; done; done
      while :; do echo >>/data/one/log; echo >>/data/two/log; done`
    const writer = await engine.run('busybox', ['sh', '-c', script]).volume('source:/data')
    const lines = async (volume: Volume, name: string) => (await inside(volume, `wc -l </data/${name}`)).trim()
    // Between the two there is so much that a copy takes its time.
    await expect.poll(() => existsSync(join(dataOf('source'), 'two/log')), { timeout: 60_000 }).toBe(true)
    for (let at = 0; at < 5; at++) {
      const clone = await source.clone(`clone-${at}`)
      expect(await statusOf(clone)).toBeUndefined()
      const [one, two] = [Number(await lines(clone, 'one/log')), Number(await lines(clone, 'two/log'))]
      expect(one - two).toBeOneOf([0, 1])
      expect(one).toBeGreaterThan(0)
    }
    const { State } = await writer.inspect()
    expect(State.Status).toBe('running')
    const before = (await readFile(join(dataOf('source'), 'one/log'), 'utf8')).length
    await expect
      .poll(async () => (await readFile(join(dataOf('source'), 'one/log'), 'utf8')).length)
      .toBeGreaterThan(before)
  })

  it('goes on while it is copied without a pause', async () => {
    const source = await engine.volumes.create('source')
    await appendFile(join(dataOf('source'), 'file'), 'kept')
    const { end } = await mounted(source)
    const clone = await source.clone('clone', { pause: false })
    await end()
    expect(await read(clone)).toBe('kept')
  })

  it('is not left standing still by a cloner that is killed', async () => {
    await sample()
    const container = await engine
      .run('busybox', ['sh', '-c', 'while :; do date +%N >/data/now; done'])
      .volume('source:/data')
    await expect(
      inAnotherProcess(
        host,
        `
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300)
        for (let at = 0; ; at++) await (await engine.volumes.get('source')).clone('killed-' + at)
        `,
      ),
    ).rejects.toMatchObject({ signal: 'SIGKILL' })
    const now = () => readFile(join(dataOf('source'), 'now'), 'utf8')
    const before = await now()
    await expect.poll(now).not.toBe(before)
    await (await host.reopen()).close()
    for (const { name } of await engine.volumes.list())
      expect(await readdir(dataOf(name))).toEqual(expect.arrayContaining(['deep', 'file']))
    await container.remove({ force: true })
  })
})

describe('a volume that cannot be shared', () => {
  it.each([
    [
      'has files with several names',
      (data: string) => native().linkat(AT_FDCWD, `${data}/file`, AT_FDCWD, `${data}/other`),
    ],
    [
      'has what means something to overlayfs',
      (data: string) => native().mknodat(AT_FDCWD, `${data}/deep/gone`, S_IFCHR, 0, 0),
    ],
    [
      'has directories that would hide others',
      (data: string) => native().setxattrAt(AT_FDCWD, `${data}/deep`, 'trusted.overlay.opaque', Buffer.from('y')),
    ],
  ])('because it %s is copied', async (_, spoil) => {
    const source = await sample()
    spoil(dataOf('source'))
    const clone = await source.clone('clone')
    expect(await statusOf(clone)).toBeUndefined()
    expect(await statusOf(source)).toBeUndefined()
    expect(describeTree(dataOf('clone'))).toEqual(describeTree(dataOf('source')))
  })

  it('because local mounts it is copied to one that is a directory', async () => {
    const backing = join(host.directory, 'backing')
    await mkdir(backing)
    await writeFile(join(backing, 'file'), 'bound')
    const source = await engine.volumes.create('source').opt({ type: 'none', device: backing, o: 'bind' })
    const clone = await source.clone('clone')
    expect(await clone.inspect()).toMatchObject({ Driver: 'local', Options: null })
    expect(await readFile(join(dataOf('clone'), 'file'), 'utf8')).toBe('bound')
  })

  it('because the root has no overlays is copied', async () => {
    await using plain = await testEngine([], { storageDriver: 'vfs' })
    const source = await plain.engine.volumes.create('source')
    await source.copyTo('/etc/hostname', '/file')
    const clone = await source.clone('clone')
    expect((await clone.inspect()).Status).toBeUndefined()
    expect(existsSync(join(plain.engine.root, 'volumes/clone/_data/file'))).toBe(true)
  })
})

describe('a volume of another driver', () => {
  it('is cloned to one of that driver, with the same options', async () => {
    const images = mountDirectory()
    await using own = await testEngine([], {
      volumeDrivers: { loop: loopVolumes(images) },
      volumePluginDirectories: { sockets: [], specs: [] },
    })
    const source = await own.engine.volumes.create('source').driver('loop').opt({ size: '16m' })
    await source.copyTo('/etc/hostname', '/file')
    const clone = await source.clone('clone')
    expect(await clone.inspect()).toMatchObject({ Driver: 'loop', Options: { size: '16m' } })
    await clone.copyFrom('/file', join(own.directory, 'copied'))
    expect(await readFile(join(own.directory, 'copied'))).toEqual(await readFile('/etc/hostname'))
    expect(mountsBelow(images)).toEqual([])
    for (const volume of [source, clone]) await volume.remove()
  })
})

describe('on a filesystem with reflinks', () => {
  it.each(['xfs', 'btrfs'])('a clone is a directory that shares the blocks of %s, at any time', async (type) => {
    const directory = mountDirectory()
    makeImage(join(directory, 'image'), type, 512)
    const mountpoint = join(directory, 'mounted')
    await mkdir(mountpoint)
    execFileSync('mount', ['-o', 'loop', join(directory, 'image'), mountpoint])
    const own = await Engine.open({ root: join(mountpoint, 'root'), runRoot: join(directory, 'run') })
    try {
      const source = await own.volumes.create('source')
      const { Mountpoint } = await source.inspect()
      await writeFile(join(Mountpoint, 'file'), Buffer.alloc(200 * 2 ** 20, 'x'))
      execFileSync('sync', ['-f', Mountpoint])
      const free = native().statfs(mountpoint)
      const clones = await Promise.all(['one', 'two', 'three'].map((name) => source.clone(`clone-${name}`)))
      execFileSync('sync', ['-f', Mountpoint])
      const after = native().statfs(mountpoint)
      expect((free.free - after.free) * free.blockSize).toBeLessThan(20 * 2 ** 20)
      expect((await clones[0]?.inspect())?.Status).toBeUndefined()
      await writeFile(join(Mountpoint, 'file'), 'changed')
      const clone = join(mountpoint, 'root/volumes/clone-two/_data/file')
      expect((await readFile(clone)).equals(Buffer.alloc(200 * 2 ** 20, 'x'))).toBe(true)
    } finally {
      await own.close()
    }
  })
})

describe('several processes', () => {
  it('clone one volume at once, and each name once', async () => {
    const source = await sample()
    const body = `
      const source = await engine.volumes.get('source')
      const made = []
      for (let at = 0; at < 30; at++)
        await source.clone('clone-' + at).then(() => made.push(at), (error) => { if (error.code !== 'VOLUME_EXISTS') throw error })
      return made`
    const made = (await Promise.all([1, 2, 3].map(() => inAnotherProcess<number[]>(host, body)))).flat()
    expect(made.sort((one, other) => one - other)).toEqual(Array.from({ length: 30 }, (_, at) => at))
    expect(layers()).toHaveLength(1)
    expect(await read(await engine.volumes.get('clone-29'))).toBe('first')
    expect(await read(source)).toBe('first')
  })

  it('start and clone it at once, and lose nothing', async () => {
    await sample()
    const start = `
      for (let at = 0; at < 8; at++)
        await engine.run('busybox', ['sh', '-c', 'echo x >>/data/log']).volume('source:/data').rm().output()`
    const clone = `
      const source = await engine.volumes.get('source')
      for (let at = 0; at < 12; at++) await source.clone('clone-' + at)`
    await Promise.all([inAnotherProcess(host, start), inAnotherProcess(host, start), inAnotherProcess(host, clone)])
    const source = await engine.volumes.get('source')
    expect(await inside(source, 'wc -l </data/log')).toBe('16\n')
    expect(await read(source)).toBe('first')
  })
})

describe('a store that was restored from a backup', () => {
  it('learns from the directories what they are over', async () => {
    await using own = await testEngine()
    const database = join(own.engine.root, 'db/inboard.sqlite')
    const run = async (one: Engine, name: string, script: string) =>
      (await one.run('busybox', ['sh', '-ec', script]).volume(`${name}:/data`).rm().output()).stdout
    await run(own.engine, 'source', 'echo first >/data/file')
    await own.engine.close()
    await copyFile(database, join(own.directory, 'saved'))
    const later = await own.reopen()
    await (await later.volumes.get('source')).clone('clone')
    await run(later, 'clone', 'echo second >>/data/file')
    await run(later, 'source', 'echo other >/data/other')
    await later.close()
    for (const name of ['', '-wal', '-shm']) await rm(`${database}${name}`, { force: true })
    await copyFile(join(own.directory, 'saved'), database)
    const restored = await own.reopen()
    expect(await run(restored, 'source', 'cat /data/file /data/other')).toBe('first\nother\n')
    expect(await run(restored, 'clone', 'cat /data/file; ls /data')).toBe('first\nsecond\nfile\n')
    for (const name of ['source', 'clone']) await (await restored.volumes.get(name)).remove()
    expect(await readdir(join(own.engine.root, 'volumes/.layers'))).toEqual([])
  })
})

describe('a data directory of PostgreSQL', () => {
  it('is had by every clone of it, in which a server of its own starts, with the rows', async () => {
    await using own = await testEngine(['busybox', 'postgres'])
    const serve = async (volume: string) => {
      const server = own.engine.run('postgres:15').env({ POSTGRES_PASSWORD: 'secret' })
      const container = await server.volume(`${volume}:/var/lib/postgresql/data`)
      await ready(container)
      return container
    }
    const ready = (container: Container) =>
      container.exec(['sh', '-c', 'until pg_isready -q -h 127.0.0.1; do sleep 0.05; done'])
    const sql = async (container: Container, text: string) => {
      const { stdout } = await container.exec(['psql', '-U', 'postgres', '-Atc', text])
      return stdout.trim()
    }
    const first = await serve('pgdata')
    await sql(first, 'create table rows (at int); insert into rows select generate_series(1, 1000); checkpoint')
    await first.stop()
    const template = await own.engine.volumes.get('pgdata')
    const names = ['test-1', 'test-2']
    for (const name of names) await template.clone(name)
    const servers = await Promise.all(names.map(serve))
    const insert = (container: Container, at: number) => sql(container, `insert into rows select ${at}`)
    await Promise.all(servers.map((server, at) => insert(server, 5000 + at)))
    const sums = await Promise.all(servers.map((server) => sql(server, 'select count(*), max(at) from rows')))
    expect(sums).toEqual(['1001|5000', '1001|5001'])
    await first.start()
    await ready(first)
    expect(await sql(first, 'select count(*), max(at) from rows')).toBe('1000|1000')
    const running = await template.snapshot()
    const recovered = await serve(running.name)
    expect(await sql(recovered, 'select count(*) from rows')).toBe('1000')
  })
})
