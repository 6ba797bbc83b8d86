import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { describeTree } from '../../src/layer/fixture.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { listening } from '../support/reach.js'

let host: TestEngine
let engine: Engine
/** A directory of the host, `$(pwd)` of the tutorials. */
let here: string
beforeAll(async () => {
  host = await testEngine(['busybox', 'debian', 'redis', 'postgres'])
  engine = host.engine
  here = mkdtempSync('/tmp/ib-here-')
  // As those of the registry, these have volumes.
  await withVolume('postgres:15', 'postgres', '/var/lib/postgresql/data')
  await withVolume('redis:7', 'redis', '/data')
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  await engine.volumes.prune({ all: true })
  expect(await engine.volumes.list()).toEqual([])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  rmSync(here, { recursive: true })
  expect(left).toEqual([])
})

async function withVolume(image: string, name: string, path: string): Promise<void> {
  const container = await engine.run(image).create()
  await container.commit(name, { changes: [`VOLUME ${path}`] })
  await container.remove()
}

const postgres = (name: string) => engine.run('postgres').name(name).env({ POSTGRES_PASSWORD: 'secret' })
/** Its port is open while it still recovers what it finds. */
async function ready(run: PromiseLike<Container>): Promise<Container> {
  const container = await run
  await container.exec(['sh', '-c', 'until pg_isready --quiet --host 127.0.0.1; do sleep 0.05; done'])
  return container
}
const sql = async (container: Container, command: string) =>
  (await container.exec(['psql', '--username', 'postgres', '--tuples-only', '--no-align', '--command', command])).stdout
const names = async () => (await engine.volumes.list()).map(({ name }) => name)
const anonymous = expect.stringMatching(/^[0-9a-f]{64}$/)
const pathOf = async (volume: string) => (await (await engine.volumes.get(volume)).inspect()).Mountpoint

describe('a database', () => {
  test('of PostgreSQL in a volume survives the container, and a new one reads it', async () => {
    const first = await ready(postgres('first').volume('pgdata:/var/lib/postgresql/data'))
    await sql(first, "create table languages (name text); insert into languages values ('C'), ('Python')")
    await first.stop()
    await first.remove({ volumes: true })
    expect(await names()).toEqual(['pgdata'])
    const second = await ready(postgres('second').volume('pgdata:/var/lib/postgresql/data'))
    expect(await sql(second, 'select name from languages order by name')).toBe('C\nPython\n')
  })

  test('of PostgreSQL is in an anonymous volume of the image, which goes with an rm container', async () => {
    const db = await ready(postgres('db').rm())
    expect((await db.inspect()).Mounts).toMatchObject([
      { Type: 'volume', Name: anonymous, Destination: '/var/lib/postgresql/data' },
    ])
    expect(await names()).toEqual([anonymous])
    await db.stop()
    await expect.poll(names).toEqual([])
  })

  test('of PostgreSQL outlives the container that only held its volume', async () => {
    await engine.run('postgres', ['echo', 'Data-only container for postgres']).name('dbdata').output()
    const db1 = await ready(postgres('db1').volumesFrom('dbdata'))
    await sql(db1, 'create table kept (value int); insert into kept values (42)')
    await db1.stop()
    await db1.remove({ volumes: true })
    await (await engine.containers.get('dbdata')).remove()
    const [volume = ''] = await names()
    const db2 = await ready(postgres('db2').volume(`${volume}:/var/lib/postgresql/data`))
    expect(await sql(db2, 'select value from kept')).toBe('42\n')
    await db2.stop()
  })

  test('of Redis is copied out through volumesFrom while it runs, and another one begins with it', async () => {
    const redis = await listening(await engine.run('redis').name('myredis'), 6379)
    await redis.exec(['redis-cli', 'set', 'persistence', 'test'])
    await redis.exec(['redis-cli', 'save'])
    const backup = join(here, 'backup')
    const copy = engine.run('debian', ['cp', '/data/dump.rdb', '/backup/']).volumesFrom('myredis')
    expect(await copy.volume(`${backup}:/backup`).rm().output()).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await readdir(backup)).toEqual(['dump.rdb'])
    expect(readFileSync(join(backup, 'dump.rdb'), 'latin1').slice(0, 5)).toBe('REDIS')
    await redis.stop()
    await redis.remove({ volumes: true })
    expect(await names()).toEqual([])
    const restored = await engine.volumes.create('restored')
    await restored.copyTo(join(backup, 'dump.rdb'), '/')
    const next = await listening(await engine.run('redis').volume('restored:/data'), 6379)
    expect((await next.exec(['redis-cli', 'get', 'persistence'])).stdout).toBe('test\n')
    await next.stop()
  })

  test('of Redis is in a named volume where one is given, also under the image’s name for the place', async () => {
    const redis = await listening(await engine.run('redis').volume('cache:/data/').rm(), 6379)
    expect((await redis.inspect()).Mounts).toMatchObject([{ Type: 'volume', Name: 'cache', Destination: '/data' }])
    await redis.stop()
    expect(await names()).toEqual(['cache'])
  })
})

describe('dbstore', () => {
  const database = (name: string, from: string) => engine.run('busybox', ['sleep', '1000']).name(name).volumesFrom(from)
  const write = (container: Container, text: string) =>
    container.exec(['sh', '-c', `echo ${text} >>/dbdata/log`]).then(({ exitCode }) => expect(exitCode).toBe(0))
  const read = async (container: Container) => (await container.exec(['cat', '/dbdata/log'])).stdout

  test('is shared by db1, db2 and db3, until the last of them is removed with its volumes', async () => {
    const dbstore = await engine.run('busybox', ['/bin/true']).name('dbstore').volume('/dbdata').create()
    const db1 = await database('db1', 'dbstore')
    const db2 = await database('db2', 'db1')
    const db3 = await database('db3', 'db2')
    await write(db1, 'one')
    await write(db3, 'three')
    expect(await read(db2)).toBe('one\nthree\n')
    const inspected = await Promise.all([dbstore, db1, db2, db3].map((container) => container.inspect()))
    expect(new Set(inspected.map(({ Mounts }) => Mounts[0]?.Name)).size).toBe(1)
    await dbstore.remove({ volumes: true })
    await db1.remove({ force: true, volumes: true })
    await write(db2, 'two')
    expect(await read(db3)).toBe('one\nthree\ntwo\n')
    await db2.remove({ force: true })
    expect(await names()).toEqual([anonymous])
    await db3.remove({ force: true, volumes: true })
    expect(await names()).toEqual([])
  })

  test('hides what the image has at its place', async () => {
    const maker = await engine.run('busybox', ['sh', '-c', 'mkdir /dbdata; echo image >/dbdata/log'])
    await maker.wait()
    await maker.commit('with-dbdata')
    await engine.run('busybox', ['sh', '-c', 'echo store >/dbdata/log']).name('dbstore').volume('/dbdata').output()
    const [hidden, shown] = await Promise.all([
      engine.run('with-dbdata', ['cat', '/dbdata/log']).volumesFrom('dbstore').rm().output(),
      engine.run('with-dbdata', ['cat', '/dbdata/log']).rm().output(),
    ])
    expect([hidden.stdout, shown.stdout]).toEqual(['store\n', 'image\n'])
  })

  test('is backed up by tar in a helper container, and restored into another volume byte for byte', async () => {
    await engine.run('debian', ['sh', '-c', fillScript]).name('dbstore').volume('/dbdata').output()
    const backup = ['tar', '--create', '--file', '/backup/backup.tar', '/dbdata']
    const packed = await engine.run('debian', backup).volumesFrom('dbstore').volume(`${here}:/backup`).rm().output()
    expect(packed).toMatchObject({ exitCode: 0 })
    await engine.run('debian', ['/bin/bash']).name('dbstore2').volume('/dbdata').create()
    const restore = ['bash', '-c', 'cd /dbdata && tar --extract --file /backup/backup.tar --strip 1']
    const unpacked = await engine.run('debian', restore).volumesFrom('dbstore2').volume(`${here}:/backup`).rm().output()
    expect(unpacked).toMatchObject({ exitCode: 0 })
    const [one, two] = await Promise.all(['dbstore', 'dbstore2'].map((name) => filesOf(name)))
    expect(one?.length).toBeGreaterThan(6)
    // GNU tar keeps whole seconds.
    expect(two).toEqual(one?.map((line) => line.replace(/(\d+)\.\d{9}/, '$1.000000000')))
  })

  test('is backed up without a container by export() and import(), with its nanoseconds', async () => {
    await engine.run('debian', ['sh', '-c', fillScript]).name('dbstore').volume('store:/dbdata').output()
    const restored = await engine.volumes.create('restored')
    await restored.import((await engine.volumes.get('store')).export())
    expect(describeTree(await pathOf('restored'))).toEqual(describeTree(await pathOf('store')))
    expect(readFileSync(join(await pathOf('restored'), 'random'))).toEqual(
      readFileSync(join(await pathOf('store'), 'random')),
    )
  })

  /** Files with owners, modes, times, links, holes and content of all kinds. */
  const fillScript = [
    'set -e; cd /dbdata',
    'head -c 3000000 /dev/urandom >random; truncate --size 5M sparse; mkdir -p deep/er; mkfifo fifo',
    'ln random deep/hard; ln -s ../random deep/er/link; chown -h 7:8 deep/er/link; chmod 4710 random; chown 33:44 deep',
    "touch --date '2001-02-03 04:05:06.789' deep/er sparse; chmod 3777 deep",
  ].join('\n')

  async function filesOf(container: string): Promise<string[]> {
    const { Mounts } = await (await engine.containers.get(container)).inspect()
    const path = Mounts[0]?.Source as string
    const sum = execFileSync('sha256sum', ['random', 'sparse', 'deep/hard'], { cwd: path, encoding: 'utf8' })
    return [...describeTree(path), ...sum.trim().split('\n')]
  }
})

describe('volumes move', () => {
  test('from one root to another as a stream, and the database is there', async () => {
    const db = await ready(postgres('db').volume('pgdata:/var/lib/postgresql/data'))
    await sql(db, "create table moved (name text); insert into moved values ('here')")
    await db.stop()
    await using elsewhere = await testEngine(['postgres'])
    const target = await elsewhere.engine.volumes.create('pgdata')
    await target.import((await engine.volumes.get('pgdata')).export())
    const there = elsewhere.engine.run('postgres:15').volume('pgdata:/var/lib/postgresql/data')
    const second = await ready(there)
    expect(await sql(second, 'select name from moved')).toBe('here\n')
    await second.remove({ force: true })
    await target.remove()
  })

  test('to a file of the host and back, compressed by whoever likes', async () => {
    const volume = await engine.volumes.create('data')
    await writeFile(join(await pathOf('data'), 'file'), 'x'.repeat(100_000))
    const archive = join(here, 'data.tar')
    await pipeline(volume.export(), createWriteStream(archive))
    execFileSync('gzip', ['--force', archive])
    await (await engine.volumes.create('back')).import(`${archive}.gz`)
    expect(readFileSync(join(await pathOf('back'), 'file'), 'utf8')).toBe('x'.repeat(100_000))
  })
})

describe('what is mounted', () => {
  const output = async (run: ReturnType<Engine['run']>) => {
    const { exitCode, stdout, stderr } = await run.rm().output()
    return { exitCode, lines: stdout.trim().split('\n'), stderr }
  }
  const sh = (script: string, image = 'busybox') => engine.run(image, ['sh', '-c', script])

  test('can be a single file, which both sides write', async () => {
    const history = join(here, '.bash_history')
    writeFileSync(history, 'first\n')
    const { lines } = await output(
      sh('cat /root/.history; echo second >>/root/.history').volume(`${history}:/root/.history`),
    )
    expect(lines).toEqual(['first'])
    expect(await readFile(history, 'utf8')).toBe('first\nsecond\n')
    const refused = await output(sh('echo third >>/root/.history').volume(`${history}:/root/.history:ro`))
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Read-only file system') })
  })

  test('can be written to on a root that cannot', async () => {
    await mkdir(join(here, 'bound'), { recursive: true })
    const script = 'for place in / /volume /bound /tmpfs /named; do touch $place/file 2>/dev/null && echo $place; done'
    const run = sh(script).readOnly().volume('/volume', `${here}/bound:/bound`, 'named:/named:ro').tmpfs('/tmpfs')
    expect((await output(run)).lines).toEqual(['/volume', '/bound', '/tmpfs'])
    expect(await readdir(join(here, 'bound'))).toEqual(['file'])
  })

  test('as an image is read-only, whole or in part, several at once, and the image stays', async () => {
    const maker = await sh('mkdir -p /site/css; echo page >/site/index.html; echo style >/site/css/main.css')
    await maker.wait()
    const site = await maker.commit('site')
    await maker.remove()
    const reader = await sh(
      'cat /whole/site/index.html /part/main.css; ls /part; touch /part/new; test -x /redis/usr/bin/redis-cli && echo redis',
    )
      .mount({ type: 'image', source: 'site', target: '/whole' })
      .mount({ type: 'image', source: 'site', target: '/part', imageOptions: { subpath: 'site/css' } })
      .mount({ type: 'image', source: 'redis', target: '/redis' })
      .create()
    await reader.start()
    await reader.wait()
    expect(await reader.logs({ stderr: false }).text()).toBe('page\nstyle\nmain.css\nredis\n')
    expect(await reader.logs({ stdout: false }).text()).toContain('Read-only file system')
    await expect(engine.images.remove('site', { force: false })).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    await reader.remove()
    expect(await engine.images.remove('site')).toContainEqual({ deleted: site.id })
  })

  test('below a bind comes along, and is read-only with it', async () => {
    const below = join(here, 'tree/below')
    await mkdir(below, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', 'inboard-test', below])
    try {
      writeFileSync(join(below, 'file'), 'x')
      const script =
        'cat /tree/below/file; touch /tree/new 2>/dev/null || echo no; touch /tree/below/new 2>/dev/null || echo no'
      expect((await output(sh(script).volume(`${here}/tree:/tree:ro`))).lines).toEqual(['xno', 'no'])
      const mount = {
        type: 'bind',
        source: `${here}/tree`,
        target: '/tree',
        readOnly: true,
        recursive: 'writable',
      } as const
      expect((await output(sh(script).mount(mount))).lines).toEqual(['xno'])
      const alone = { ...mount, recursive: 'disabled', readOnly: false } as const
      expect((await output(sh('ls /tree/below | wc -l').mount(alone))).lines).toEqual(['0'])
    } finally {
      execFileSync('umount', [below])
    }
  })

  test('as a tmpfs has the size and the mode it was given, and nothing of it is left', async () => {
    const script = [
      'stat -c %a /t; grep " /t tmpfs " /proc/mounts | grep -o "size=[0-9]*k"',
      'dd if=/dev/zero of=/t/file bs=64k count=15 2>/dev/null && echo fits',
      'dd if=/dev/zero of=/t/more bs=64k count=4 2>&1 | grep -o "No space left on device"',
    ].join('; ')
    const { lines } = await output(sh(script).tmpfs('/t', 'size=1m,mode=1777'))
    expect(lines).toEqual(['1777', 'size=1024k', 'fits', 'No space left on device'])
  })

  test('inside of one another is found at its place, in whichever order it was asked for', async () => {
    const script = 'echo inner >/a/b/c/file; echo outer >/a/file; touch /a/b/middle; find /a -type f | sort'
    const run = sh(script).volume('inner:/a/b/c', 'outer:/a').tmpfs('/a/b')
    expect((await output(run)).lines).toEqual(['/a/b/c/file', '/a/b/middle', '/a/file'])
    expect([await readdir(await pathOf('outer')), await readdir(await pathOf('inner'))]).toEqual([
      ['b', 'file'],
      ['file'],
    ])
  })

  test('over a symlink of the image is where that leads inside of the container', async () => {
    const maker = await sh(
      'mkdir -p /real/data; ln -s /real/data /link; ln -s ../../../../../etc /away; echo here >/real/data/file',
    )
    await maker.wait()
    await maker.commit('linked')
    const script =
      'cat /link/file /real/data/file; echo new >/away/new; grep -o " /real/data \\| /etc " /proc/self/mountinfo'
    const run = sh(script, 'linked').volume('filled:/link', 'etc:/away')
    expect((await output(run)).lines.map((line) => line.trim()).sort()).toEqual(['/etc', '/real/data', 'here', 'here'])
    expect(await readdir(await pathOf('filled'))).toEqual(['file'])
    expect(await readdir(await pathOf('etc'))).toContain('new')
  })

  test('can be a part of a volume, and nothing beside it is seen', async () => {
    await output(
      sh('mkdir -p /data/one /data/two; echo 1 >/data/one/file; echo 2 >/data/two/file').volume('data:/data'),
    )
    const mount = { type: 'volume', source: 'data', target: '/part', volumeOptions: { subpath: 'two' } } as const
    expect((await output(sh('ls /part /part/..; cat /part/file').mount(mount))).lines).toContain('2')
    expect((await output(sh('ls /part/../one').mount(mount))).exitCode).toBe(1)
    const missing = { ...mount, volumeOptions: { subpath: 'three' } }
    await expect(sh('true').mount(missing).rm().output()).rejects.toThrow('three')
  })
})
