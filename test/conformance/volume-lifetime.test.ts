import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { symlink as makeSymlink, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AT_FDCWD, native } from '../../src/host/index.js'
import type { Container, Engine, MountInput, RunOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'
import { importHostile } from './support/oracle-image.js'
import { directory, type Entry, file, symlink } from './support/tar.js'

/** What files of a volume are: path → a line that describes it. */
type Files = Readonly<Record<string, string>>

interface Refusal {
  readonly status: number
  readonly message: string
}

interface Filled {
  readonly asked: {
    readonly image: string
    readonly hostConfig: {
      readonly Binds?: readonly string[]
      readonly Mounts?: readonly {
        readonly Type: 'volume'
        readonly Source: string
        readonly Target: string
        readonly VolumeOptions?: { readonly NoCopy: boolean }
      }[]
      readonly VolumesFrom?: readonly string[]
      readonly ReadonlyRootfs?: boolean
    }
    readonly config: { readonly Volumes?: object; readonly User?: string }
  }
  readonly create: number | Refusal
  /** By where they are mounted. */
  readonly afterCreate: Readonly<Record<string, Files>>
  readonly afterRun?: Readonly<Record<string, Files>>
}

const { copyUp, removal } = JSON.parse(fact('volumes.json'))

let host: TestEngine
let engine: Engine
let files: string
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  files = await mkdtemp('/tmp/ib-lifetime-')
  mkdirSync(join(files, 'dir'))
  await importHostile(engine, 'odd', odd(files))
  await importHostile(engine, 'other', other, ['VOLUME /v'])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  await rm(files, { recursive: true, force: true })
  expect(left.filter((what) => !what.startsWith('container directory'))).toEqual([])
})

const old = { mtime: new Date(1_000_000_000_000) }
const owned = (name: string, uid: number, gid: number, mode: number, seconds = 1_000_000_000): Entry => [
  name,
  { uid, gid, mode, mtime: new Date(seconds * 1000) },
]
const dated = ([name, entry]: Entry, more: object = {}): Entry => [name, { ...(entry as object), ...old, ...more }]

/** The image `odd` that Docker was asked with: all kinds of files, and symlinks to everywhere. */
const odd = (host: string): readonly Entry[] => [
  ['odd/', { ...(owned('', 33, 44, 0o2751)[1] as object), pax: { 'SCHILY.xattr.user.dir': 'd' } }],
  dated(file('odd/.hidden', 'h')),
  ['odd/fifo', { ...old, type: 'fifo', mode: 0o600 }],
  [
    'odd/file',
    {
      content: 'text',
      mode: 0o4640,
      uid: 7,
      gid: 8,
      pax: { mtime: '1234567890.123456789', 'SCHILY.xattr.user.x': 'y' },
    },
  ],
  [
    'odd/hard',
    { type: 'link', linkname: 'odd/file', mode: 0o4640, uid: 7, gid: 8, pax: { mtime: '1234567890.123456789' } },
  ],
  ['odd/link', { ...old, type: 'symlink', linkname: 'file', uid: 9, gid: 9 }],
  ['odd/null', { ...old, type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 }],
  dated(symlink('odd/out', '/etc/passwd')),
  owned('odd/sub/', 1, 2, 0o1777),
  ['odd/sub/deep', { content: 'deep', mtime: new Date(1_333_333_333_000) }],
  owned('empty/', 55, 66, 0o700, 1_444_444_444),
  dated(file('plainfile', 'plain\n')),
  dated(symlink('abs', '/odd')),
  dated(symlink('relative', 'odd/sub')),
  dated(symlink('dangling', '/nowhere/yet')),
  dated(symlink('escape', `../../../../../..${host}/dir`)),
  dated(directory('inner')),
  dated(symlink('inner/link', '/odd')),
  owned('x/', 0, 0, 0o711, 1_555_555_555),
  dated(file('x/f', 'xf')),
  owned('x/y/', 3, 3, 0o700),
  dated(file('x/y/g', 'yg')),
]

const other: readonly Entry[] = [
  owned('odd/', 70, 71, 0o700),
  dated(file('odd/otherfile', 'other')),
  owned('v/', 5, 5, 0o755),
]

const kinds = { 16384: 'directory', 32768: 'file', 40960: 'symlink', 4096: 'fifo', 8192: 'character device' } as const

/** All files below a directory, and itself, as the facts are written. */
function shown(root: string, path = '.'): Files {
  const own = { [path]: line(join(root, path)) }
  if (!lstatSync(join(root, path)).isDirectory()) return own
  const below = readdirSync(join(root, path)).map((name) => shown(root, join(path, name)))
  return Object.assign(own, ...below)
}

function line(path: string): string {
  const { mode, uid, gid, mtimeNs, nlink, rdev } = lstatSync(path, { bigint: true })
  const kind = kinds[(Number(mode) & 0o170000) as keyof typeof kinds]
  const attributes = native().listxattrAt(AT_FDCWD, path)
  const xattrs = attributes.map(
    (name) => `"${name}": "${Buffer.from(native().getxattrAt(AT_FDCWD, path, name) ?? [])}"`,
  )
  const special = {
    directory: '',
    fifo: '',
    file: () => ` "${readFileSync(path)}"${nlink > 1n ? ` ${nlink} links` : ''}`,
    symlink: () => ` -> ${readlinkSync(path)}`,
    'character device': ` ${rdev >> 8n}:${rdev & 255n}`,
  }[kind]
  return [
    `${kind} ${(Number(mode) & 0o7777).toString(8)} ${uid}:${gid} ${time(mtimeNs)}`,
    typeof special === 'function' ? special() : special,
    xattrs.length > 0 ? ` {${xattrs.join(', ')}}` : '',
  ].join('')
}

const time = (ns: bigint) =>
  ns > BigInt(Date.now() - 600_000) * 1_000_000n
    ? 'now'
    : `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`

/** The files of a container's volumes, by where they are mounted. */
async function volumesOf(container: Container): Promise<Record<string, Files>> {
  const volumes = (await container.inspect()).Mounts.filter(({ Type }) => Type === 'volume')
  return Object.fromEntries(volumes.map(({ Destination, Source }) => [Destination, shown(Source)]))
}

/** Docker gives directories their times before it fills them. */
const withoutTimes = (volumes: Filled['afterRun']) =>
  JSON.parse(JSON.stringify(volumes).replaceAll(/"(directory \d+ \d+:\d+) [^" ]+/g, '"$1'))

const here = (spec: string) => spec.replace('<HOST>', files)
const words = (error: unknown) => (error as Error).message

const cases = Object.entries(copyUp as Record<string, Filled>).filter(([, { asked }]) => asked)

describe('a volume gets what Docker gives it', () => {
  interface Answer {
    readonly created: Record<string, Files>
    readonly ran: Record<string, Files>
  }
  const answers = new Map<string, Answer | string>()

  /** What runs in the container, where the facts tell of what came of it. */
  const commands: Readonly<Record<string, string>> = { 'readOnly root': 'touch /odd/new' }

  beforeAll(async () => {
    const mountpoint = async (name: string) => (await (await engine.volumes.create(name)).inspect()).Mountpoint
    await writeFile(join(await mountpoint('v24'), 'there'), 't')
    const owned = await mountpoint('v25')
    chownSync(owned, 77, 88)
    chmodSync(owned, 0o750)
    await engine.volumes.create('v23', { driverOptions: { type: 'tmpfs', device: 'tmpfs' } })
    await engine.run('odd', ['true']).name('src').volume('v26:/odd').create()
    await engine.run('odd', ['true']).name('src2').volume('v27:/not/there').create()
    // One after the other: some find what those before them have left.
    for (const [name, { asked }] of cases) answers.set(name, await answerTo(name, asked))
  })

  async function answerTo(name: string, asked: Filled['asked']): Promise<Answer | string> {
    const command = ['sh', '-c', commands[name] ?? 'true']
    try {
      const container = await engine.run(asked.image, command, optionsOf(asked)).create()
      const created = await volumesOf(container)
      await container.start()
      await container.wait()
      const ran = await volumesOf(container)
      await container.remove()
      return { created, ran }
    } catch (error) {
      return words(error)
    }
  }

  const optionsOf = ({ hostConfig, config }: Filled['asked']): RunOptions => ({
    volume: [...(hostConfig.Binds ?? []), ...Object.keys(config.Volumes ?? {})].map(here),
    mount: (hostConfig.Mounts ?? []).map(
      ({ Source, Target, VolumeOptions }): MountInput => ({
        type: 'volume',
        source: Source,
        target: Target,
        volumeOptions: { noCopy: VolumeOptions?.NoCopy ?? false },
      }),
    ),
    volumesFrom: hostConfig.VolumesFrom ?? [],
    readOnly: hostConfig.ReadonlyRootfs ?? false,
    ...(config.User !== undefined && { user: config.User }),
  })

  test.each(cases.filter(([, { create }]) => create === 201))('%s', (name, { afterCreate }) => {
    expect(withoutTimes((answers.get(name) as Answer).created)).toEqual(withoutTimes(afterCreate))
  })

  test.each(cases.filter(([, { afterRun }]) => afterRun))('%s: after it has run', (name, { afterRun }) => {
    expect(withoutTimes((answers.get(name) as Answer).ran)).toEqual(withoutTimes(afterRun))
  })

  test('directories keep their times, which those that have anything lose with Docker', () => {
    const { created } = answers.get('nested, both with content') as Answer
    expect(created['/x']).toMatchObject({
      '.': 'directory 711 0:0 1555555555.000000000',
      y: 'directory 700 3:3 1000000000.000000000',
    })
  })

  test.each(cases.filter(([, { create }]) => create !== 201))(
    '%s: is refused in Docker’s words',
    (name, { create }) => {
      const message = (create as Refusal).message.replaceAll('<ROOT>/overlay2/<ID>/merged', '')
      expect(answers.get(name)).toContain(message)
    },
  )

  test('and nothing else is asked of the host, wherever symlinks lead to', () => {
    expect(cases.length).toBeGreaterThan(30)
    expect(shown(files)).toEqual({
      '.': 'directory 700 0:0 now',
      dir: 'directory 755 0:0 now',
      'dir/y': 'directory 755 0:0 now',
    })
  })
})

describe('what is left of volumes is what Docker leaves', () => {
  beforeAll(async () => {
    for (const { id } of await engine.containers.list({ all: true }))
      await (await engine.containers.get(id)).remove({ volumes: true })
    await engine.volumes.prune({ all: true })
    await (await engine.volumes.get('v23')).remove()
  })
  afterEach(async () => {
    for (const { id } of await engine.containers.list({ all: true }))
      await (await engine.containers.get(id)).remove({ force: true, volumes: true })
    await engine.volumes.prune({ all: true })
    expect(await engine.volumes.list()).toEqual([])
  })

  const left = async () => (await engine.volumes.list()).map(({ name }) => marked(name)).sort()
  const marked = (text: string) => text.replaceAll(/[0-9a-f]{64}/g, '<ID>')
  const withVolumes = { volumes: true }
  const container = (...volumes: readonly string[]) =>
    engine
      .run('busybox', ['true'])
      .volume(...volumes)
      .create()
  const owner = () => engine.run('busybox', ['true']).name('owner').volume('/anon').create()
  const reader = () => engine.run('busybox', ['true']).volumesFrom('owner').create()

  test('of a container with an anonymous and a named one', async () => {
    await (await container('/anon', 'named:/n')).remove()
    expect(await left()).toEqual(removal['remove without volumes: all stay'])
    await engine.volumes.prune()
    const both = await container('/anon', 'named:/n')
    await both.start()
    await both.wait()
    await both.remove(withVolumes)
    expect(await left()).toEqual(removal['remove with volumes: the named one stays'])
    await (await container('/anon', 'named:/n')).remove(withVolumes)
    expect(await left()).toEqual(removal['created, never started: removed with volumes'])
  })

  test('of one with rm, whose end removes it', async () => {
    await engine.run('busybox', ['true']).volume('/anon', 'named:/n').rm().output()
    expect(await left()).toEqual(removal['rm (AutoRemove) when it ended: the named one stays'])
  })

  test('of a mount without a source', async () => {
    const mounting = await engine.run('busybox').mount({ type: 'volume', target: '/m' }).create()
    expect(await left()).toEqual(['<ID>'])
    await mounting.remove(withVolumes)
    expect(await left()).toEqual(removal['mount without a source is anonymous, too'])
  })

  test.each([
    ['the owner removed with volumes, a reader is left', 'then the reader with volumes', [0, 1], true],
    ['the reader removed with volumes, the owner is left', 'then the owner with volumes', [1, 0], true],
    ['the owner removed without volumes', 'and the reader with volumes', [0, 1], false],
  ] as const)('of two containers: %s, %s', async (first, second, order, volumes) => {
    const pair = [await owner(), await reader()]
    await pair[order[0]]?.remove({ volumes })
    expect(await left()).toEqual(removal[first])
    await pair[order[1]]?.remove(withVolumes)
    expect(await left()).toEqual(removal[second])
  })

  test('of an owner whose reader had rm', async () => {
    await engine.run('busybox', ['true']).name('owner').volume('/anon', 'named:/n').create()
    await engine.run('busybox', ['true']).volumesFrom('owner').rm().output()
    expect(await left()).toEqual(removal['a reader with rm ended: the owner keeps both'])
  })

  test('that one container has anonymously, and another by its name', async () => {
    const byName = async () => container(`${(await engine.volumes.list())[0]?.name}:/named`)
    const first = await owner()
    const other = await byName()
    await first.remove(withVolumes)
    expect(await left()).toEqual(removal['an anonymous one that another one has by name: owner removed'])
    await other.remove(withVolumes)
    expect(await left()).toEqual(removal['and the other one with volumes: named there, it stays'])
    await engine.volumes.prune()
    const last = await owner()
    await (await byName()).remove(withVolumes)
    expect(await left()).toEqual(removal['the other way: by name removed first'])
    await last.remove(withVolumes)
    expect(await left()).toEqual(removal['then the owner'])
  })

  test('of a stopped container, which are not removed before it', async () => {
    const stopped = await container('named:/n')
    const named = await engine.volumes.get('named')
    const { message } = removal['remove a volume of a stopped container']
    await expect(named.remove().catch((error) => marked(words(error)))).resolves.toBe(message)
    await stopped.remove()
    await named.remove()
    expect(await left()).toEqual([])
  })

  test.each([
    ['a create that is refused late (duplicate), what stays', ['early:/e', 'aa:/x', 'bb:/x']],
    ['a create that is refused late (name), what stays', ['early:/e', 'bad/name:/x']],
    ['a create whose anonymous volume is at a file, what stays', ['early:/e', '/plainfile']],
  ] as const)('but less of %s: nothing', async (name, volumes) => {
    const refused = engine
      .run('odd')
      .volume(...volumes)
      .create()
    const { message } = removal[name].answer
    await expect(refused).rejects.toThrow(message.replaceAll('<ROOT>/overlay2/<ID>/merged', ''))
    expect(removal[name].left).toContain('early')
    expect(await left()).toEqual([])
  })
})

describe('a path of the host', () => {
  const missing = () => join(files, 'missing/deep')
  const made = (path: string) => ({
    mode: (lstatSync(path).mode & 0o7777).toString(8),
    owner: `${lstatSync(path).uid}:${lstatSync(path).gid}`,
    parent: (lstatSync(join(path, '..')).mode & 0o7777).toString(8),
  })

  test('that is missing is an error of mount(), and nothing stays', async () => {
    const { answer, left } = removal['a create with a missing bind source, what stays']
    const mount = { type: 'bind', source: join(files, 'nosuch'), target: '/x' } as const
    const refused = engine.run('busybox').volume('early:/e').mount(mount).create()
    await expect(refused).rejects.toThrow(answer.message.replace('<HOST>', files))
    expect((await engine.volumes.list()).map(({ name }) => name)).toEqual(left)
  })

  test('that is missing is made by volume(), with the container already, and again at each start', async () => {
    const container = await engine.run('busybox', ['true']).volume(`${missing()}:/x`).create()
    // Docker makes it with the first start only: whoever looks at what he has asked for finds it here.
    expect(removal['a missing host path after create']).toBe(false)
    expect(made(missing())).toEqual(removal['a missing host path after start'])
    rmSync(join(files, 'missing'), { recursive: true })
    await container.start()
    await container.wait()
    expect([204, true]).toEqual(removal['it is made again at the next start'])
    expect(made(missing())).toEqual(removal['a missing host path after start'])
    await container.remove()
    rmSync(join(files, 'missing'), { recursive: true })
  })

  test('that went away before the start is an error of mount() then', async () => {
    const source = join(files, 'tmpdir')
    mkdirSync(source)
    const container = await engine.run('busybox', ['true']).mount({ type: 'bind', source, target: '/x' }).create()
    rmSync(source, { recursive: true })
    const { message } = removal['mount of a bind whose source went away before the start']
    await expect(container.start()).rejects.toThrow(message.replace('<HOST>', files))
    await container.remove()
  })

  test('that is a symlink is told of as it was given', async () => {
    await makeSymlink('dir', join(files, 'symlink'))
    const container = await engine
      .run('busybox', ['true'])
      .volume(`${join(files, 'symlink')}:/n`)
      .create()
    const { Mounts } = await container.inspect()
    await container.remove()
    rmSync(join(files, 'symlink'))
    expect(JSON.parse(JSON.stringify(Mounts).replaceAll(files, '<HOST>'))).toEqual(removal['bind of a symlink'].Mounts)
  })

  test('of a volume whose directory was removed by hand fails a start', async () => {
    const container = await engine.run('busybox', ['true']).volume('named:/n').create()
    const named = await engine.volumes.get('named')
    rmSync((await named.inspect()).Mountpoint, { recursive: true })
    const refused = await container.start().then(() => 'started', words)
    await container.remove()
    await named.remove()
    // Docker's words are of its own steps.
    expect(removal['a volume whose directory was removed by hand'].message).toContain('no such file or directory')
    expect(refused).toContain('no such file or directory')
  })
})
