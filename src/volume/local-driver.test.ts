import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { native } from '../host/index.js'
import { LocalVolumes, loopsOver, makeImage, mountDirectory, mountsBelow, noLoopsOver } from './local-fixture.js'

const filesystems = readFileSync('/proc/filesystems', 'utf8').split(/\s+/)
const signal = new AbortController().signal
let directory: string
let volumes: LocalVolumes

beforeEach(() => {
  directory = mountDirectory()
  volumes = new LocalVolumes(directory)
})

const modeOf = (path: string) => statSync(path).mode & 0o7777
const tmpfs = { type: 'tmpfs', device: 'tmpfs' }

function sourceWith(name: string, content: string): string {
  const source = join(directory, 'source')
  mkdirSync(source)
  writeFileSync(join(source, name), content)
  return source
}

const bindOf = (device: string, o = 'bind') => ({ type: 'none', device, o })

describe('a volume without options', () => {
  test('is a directory with Docker’s modes, whatever the umask is', async () => {
    const before = process.umask(0o077)
    onTestFinished(() => void process.umask(before))
    await volumes.create('plain', {})
    expect([modeOf(join(volumes.directory, 'plain')), modeOf(volumes.data('plain'))]).toEqual([0o701, 0o755])
  })

  test('stays as it is when it is made again', async () => {
    await volumes.create('plain', {})
    writeFileSync(join(volumes.data('plain'), 'kept'), 'x')
    execFileSync('chmod', ['700', volumes.data('plain')])
    await volumes.create('plain', {})
    expect([readdirSync(volumes.data('plain')), modeOf(volumes.data('plain'))]).toEqual([['kept'], 0o700])
  })

  test('is completed when its making was cut short', async () => {
    mkdirSync(join(volumes.directory, 'plain', '_data'), { recursive: true, mode: 0o700 })
    await volumes.create('plain', {})
    expect([modeOf(join(volumes.directory, 'plain')), modeOf(volumes.data('plain'))]).toEqual([0o701, 0o755])
  })

  test('has nothing mounted while it is used', async () => {
    await volumes.create('plain', {})
    expect(await volumes.mount('plain', 'a')).toBe(volumes.data('plain'))
    expect(mountsBelow(directory)).toEqual([])
    await volumes.unmount('plain', 'a')
  })

  test('is found by its name, and among all', async () => {
    await volumes.create('plain', {})
    await volumes.create('other', tmpfs)
    expect(await volumes.driver.get('plain')).toEqual({
      name: 'plain',
      mountpoint: volumes.data('plain'),
      createdAt: expect.any(Date),
    })
    expect(await volumes.driver.get('nope')).toBeUndefined()
    expect((await volumes.driver.list()).map(({ name }) => name).sort()).toEqual(['other', 'plain'])
  })
})

test('options that cannot be used are refused before anything is made', async () => {
  await expect(volumes.create('bad', { type: 'tmpfs', devise: 'tmpfs' })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringContaining('invalid option: "devise"'),
  })
  expect(readdirSync(volumes.directory)).toEqual([])
})

describe('a tmpfs', () => {
  test('is mounted for the first use, there for the others, and gone with the last', async () => {
    await volumes.create('memory', { ...tmpfs, size: '1m', o: 'nosuid,uid=1000,mode=750' })
    const path = await volumes.mount('memory', 'a')
    expect(volumes.mounted('memory')).toMatchObject([{ type: 'tmpfs', options: expect.arrayContaining(['nosuid']) }])
    expect([statSync(path).uid, modeOf(path)]).toEqual([1000, 0o750])
    writeFileSync(join(path, 'file'), 'x')

    await volumes.mount('memory', 'b')
    expect(volumes.mounted('memory')).toHaveLength(1)
    await volumes.unmount('memory', 'a')
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('x')
    await volumes.unmount('memory', 'b')
    expect([volumes.mounted('memory'), readdirSync(path)]).toEqual([[], []])
  })

  test('holds no more than its size', async () => {
    await volumes.create('memory', { ...tmpfs, size: '1m' })
    const path = await volumes.mount('memory', 'a')
    expect(statfsSync(path).blocks * statfsSync(path).bsize).toBe(2 ** 20)
    expect(() => writeFileSync(join(path, 'big'), Buffer.alloc(2 ** 20 + 1))).toThrow('ENOSPC')
  })

  test('is mounted once for uses that begin together, in two engines', async () => {
    const others = new LocalVolumes(directory)
    await volumes.create('memory', tmpfs)
    await others.create('memory', tmpfs)
    const mounting = ['a', 'b', 'c', 'd'].flatMap((id) => [volumes.mount('memory', id), others.mount('memory', id)])
    await Promise.all(mounting)
    expect(volumes.mounted('memory')).toHaveLength(1)
  })

  test('is mounted once when the same use comes again, and unmounting again is success', async () => {
    await volumes.create('memory', tmpfs)
    await volumes.mount('memory', 'a')
    await volumes.mount('memory', 'a')
    expect(volumes.mounted('memory')).toHaveLength(1)
    await volumes.unmount('memory', 'a')
    await volumes.unmount('memory', 'a')
    expect(volumes.mounted('memory')).toEqual([])
  })

  test('goes from its place at once while somebody has a file of it open', async () => {
    await volumes.create('memory', tmpfs)
    const path = await volumes.mount('memory', 'a')
    writeFileSync(join(path, 'file'), 'x')
    const file = openSync(join(path, 'file'), 'r')
    onTestFinished(() => closeSync(file))
    await volumes.unmount('memory', 'a')
    expect(mountsBelow(directory)).toEqual([])
  })
})

describe('a bind', () => {
  test('shows a directory of the host', async () => {
    const source = sourceWith('file', 'x')
    await volumes.create('bound', bindOf(source))
    const path = await volumes.mount('bound', 'a')
    writeFileSync(join(path, 'more'), 'y')
    expect(readdirSync(source).sort()).toEqual(['file', 'more'])
    await volumes.unmount('bound', 'a')
    expect([readdirSync(path), readdirSync(source)]).toEqual([[], ['file', 'more']])
  })

  test('with ro cannot be written', async () => {
    await volumes.create('bound', bindOf(sourceWith('file', 'x'), 'bind,ro'))
    const path = await volumes.mount('bound', 'a')
    expect(() => writeFileSync(join(path, 'file'), 'y')).toThrow('EROFS')
  })

  test('with ro is read-only for the next use when who mounted it was killed half-way', async () => {
    const source = sourceWith('file', 'x')
    await volumes.create('bound', bindOf(source, 'bind,ro'))
    execFileSync('mount', ['--bind', source, volumes.data('bound')])
    const path = await volumes.mount('bound', 'a')
    expect(() => writeFileSync(join(path, 'file'), 'y')).toThrow('EROFS')
    expect(volumes.mounted('bound')).toHaveLength(1)
  })

  test.each([
    ['bind,shared', [expect.stringMatching(/^shared:/)]],
    ['bind,private', []],
  ])('with %s has that propagation', async (o, expected) => {
    const source = sourceWith('file', 'x')
    execFileSync('mount', ['--bind', source, source])
    execFileSync('mount', ['--make-shared', source])
    await volumes.create('bound', bindOf(source, o))
    await volumes.mount('bound', 'a')
    expect(volumes.mounted('bound')[0]?.propagation).toEqual(expected)
  })

  test('with rbind takes the mounts below, and leaves the host’s own when it goes', async () => {
    const source = sourceWith('file', 'x')
    execFileSync('mount', ['--bind', source, source])
    execFileSync('mount', ['--make-shared', source])
    mkdirSync(join(source, 'below'))
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'below')])
    writeFileSync(join(source, 'below', 'deep'), 'x')
    const before = mountsBelow(directory)

    await volumes.create('bound', bindOf(source, 'rbind'))
    expect(readdirSync(join(await volumes.mount('bound', 'a'), 'below'))).toEqual(['deep'])
    await volumes.unmount('bound', 'a')
    expect(mountsBelow(directory)).toEqual(before)
    expect(readdirSync(join(source, 'below'))).toEqual(['deep'])
  })
})

describe.each([
  ['ext4', 16],
  ['xfs', 300],
  ['btrfs', 128],
])('a file with %s', (type, megabytes) => {
  test.skipIf(!filesystems.includes(type))('is mounted by a loop device, which goes with it', async () => {
    const device = makeImage(join(directory, 'image'), type, megabytes)
    await volumes.create('loop', { type, device })
    const path = await volumes.mount('loop', 'a')
    expect(volumes.mounted('loop')).toMatchObject([{ type, source: loopsOver(device)[0] }])
    writeFileSync(join(path, 'file'), 'kept')
    await volumes.unmount('loop', 'a')
    expect(mountsBelow(directory)).toEqual([])
    await noLoopsOver(device)

    await volumes.mount('loop', 'b')
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('kept')
    expect(() => writeFileSync(join(path, 'big'), Buffer.alloc(megabytes * 2 ** 20))).toThrow('ENOSPC')
  })
})

describe('a file with a filesystem', () => {
  const image = () => makeImage(join(directory, 'image'), 'ext4', 16)

  test('takes loop among its options, and is not written with ro', async () => {
    const device = image()
    execFileSync('chmod', ['444', device])
    await volumes.create('loop', { type: 'ext4', device, o: 'loop,ro,noload' })
    const path = await volumes.mount('loop', 'a')
    expect(() => writeFileSync(join(path, 'file'), 'x')).toThrow('EROFS')
    expect(readFileSync(`/sys/block/${loopsOver(device)[0]?.slice('/dev/'.length)}/ro`, 'utf8')).toBe('1\n')
  })

  test('has one loop device, also when two volumes are made of it that begin together', async () => {
    const device = image()
    await volumes.create('one', { type: 'ext4', device })
    await volumes.create('other', { type: 'ext4', device })
    const [one, other] = await Promise.all([volumes.mount('one', 'a'), volumes.mount('other', 'a')])
    expect(loopsOver(device)).toHaveLength(1)
    writeFileSync(join(one, 'file'), 'x')
    expect(readFileSync(join(other, 'file'), 'utf8')).toBe('x')
    await volumes.unmount('one', 'a')
    await volumes.unmount('other', 'a')
    await noLoopsOver(device)
  })

  test('is mounted again by the device that it has, while somebody has a file of it open', async () => {
    const device = image()
    await volumes.create('loop', { type: 'ext4', device })
    const path = await volumes.mount('loop', 'a')
    const file = openSync(join(path, 'file'), 'w')
    await volumes.unmount('loop', 'a')
    expect(mountsBelow(directory)).toEqual([])
    await volumes.mount('loop', 'b')
    expect([loopsOver(device).length, existsSync(join(path, 'file'))]).toEqual([1, true])
    closeSync(file)
    await volumes.unmount('loop', 'b')
    await noLoopsOver(device)
  })

  test('is waited for while another process attaches it, until the caller gives up', async () => {
    const device = image()
    const other = makeImage(join(directory, 'other'), 'ext4', 16)
    await volumes.create('loop', { type: 'ext4', device })
    await volumes.create('same', { type: 'ext4', device })
    await volumes.create('other', { type: 'ext4', device: other })
    const lock = openSync(device, 'r')
    native().flock(lock, 'exclusive', false)
    const impatient = new AbortController()
    const givenUp = volumes.mount('loop', 'a', impatient.signal)
    const patient = volumes.mount('same', 'a')
    await volumes.mount('other', 'a')
    impatient.abort(new Error('given up'))
    await expect(givenUp).rejects.toThrow('given up')
    expect([volumes.mounted('loop'), volumes.mounted('same'), loopsOver(device)]).toEqual([[], [], []])

    closeSync(lock)
    await patient
    expect(volumes.mounted('same')).toHaveLength(1)
  })
})

test('what is mounted in the end although the caller has given up is unmounted', async () => {
  const device = makeImage(join(directory, 'image'), 'ext4', 16)
  await volumes.create('loop', { type: 'ext4', device })
  const caller = new AbortController()
  // From here on an immediate comes before whatever the mount tells.
  await stat(device)
  setImmediate(() => caller.abort(new Error('given up')))
  await expect(volumes.mount('loop', 'a', caller.signal)).rejects.toThrow('given up')
  expect(mountsBelow(directory)).toEqual([])
  await noLoopsOver(device)
})

describe('what cannot be mounted is told in Docker’s words, with what to do, and leaves nothing', () => {
  const failing = async (options: Record<string, string>) => {
    await volumes.create('bad', options)
    const error = await volumes.mount('bad', 'a').catch((error) => error)
    expect(mountsBelow(directory)).toEqual([])
    return { code: error.code, message: error.message.replaceAll(directory, 'DIR'), details: error.details }
  }
  const target = 'DIR/volumes/bad/_data'

  test('a filesystem that the kernel has not', async () => {
    const { code, message, details } = await failing({ type: 'nosuchfs', device: '/dev/null', o: 'ro,x=1' })
    expect(code).toBe('VOLUME_FAILED')
    expect(message).toBe(
      `failed to mount local volume: mount /dev/null:${target}, flags: 0x1, data: x=1: no such device: this kernel has no filesystem 'nosuchfs': load its module, or give another type`,
    )
    expect(details).toEqual({ volume: 'bad', driver: 'local', device: '/dev/null', errno: 'ENODEV' })
  })

  test('a directory that is not there', async () => {
    const { message, details } = await failing(bindOf(join(directory, 'nope')))
    expect(message).toBe(
      `failed to mount local volume: mount DIR/nope:${target}, flags: 0x1000: no such file or directory: make DIR/nope first: the driver local does not`,
    )
    expect(details).toMatchObject({ errno: 'ENOENT' })
  })

  test('a directory without bind', async () => {
    const { message } = await failing({ type: 'ext4', device: directory })
    expect(message).toContain(`mount DIR:${target}: block device required: DIR is neither a block device nor a file`)
  })

  test('a file without a filesystem', async () => {
    const device = join(directory, 'image')
    writeFileSync(device, Buffer.alloc(2 ** 20))
    const { message, details } = await failing({ type: 'ext4', device })
    expect(message).toContain(`mount DIR/image:${target}: invalid argument: check type and o`)
    expect(details.errno).toBe('EINVAL')
    await noLoopsOver(device)
  })

  test('no device', async () => {
    const { message } = await failing({ type: 'tmpfs', device: '' })
    expect(message).toContain('missing device in volume options')
  })

  test('an option that the filesystem has not, with the password hidden', async () => {
    const { message } = await failing({ ...tmpfs, o: 'password=secret' })
    expect(message).toContain(`mount tmpfs:${target}, data: password=********: invalid argument`)
  })
})

describe('a server', () => {
  test.skipIf(filesystems.includes('nfs'))('is asked by its address, when it was given by its name', async () => {
    await volumes.create('remote', { type: 'nfs', device: ':/export', o: 'addr=localhost,nfsvers=4,soft' })
    await expect(volumes.mount('remote', 'a')).rejects.toMatchObject({
      code: 'VOLUME_FAILED',
      message: expect.stringContaining(
        `mount :/export:${volumes.data('remote')}, data: addr=127.0.0.1,nfsvers=4,soft: no such device: this kernel has no filesystem 'nfs'`,
      ),
    })
  })

  test('that nobody knows is told', async () => {
    await volumes.create('remote', { type: 'nfs', device: ':/export', o: 'addr=nowhere.invalid,ro' })
    await expect(volumes.mount('remote', 'a')).rejects.toMatchObject({
      code: 'VOLUME_FAILED',
      message: expect.stringContaining(
        'error resolving passed in network volume address: lookup nowhere.invalid: no such host',
      ),
    })
  })
})

describe('a process that is killed after it has mounted, before it could say so', () => {
  const killedWhileMounting = (options: Record<string, string>) => {
    const driver = fileURLToPath(new URL('local-driver.ts', import.meta.url))
    const program = `
      const { LocalDriver } = await import(${JSON.stringify(driver)})
      const directory = ${JSON.stringify(volumes.directory)}
      const driver = new LocalDriver({ directory, optionsOf: () => (${JSON.stringify(options)}), othersUse: () => false })
      await driver.mount('volume', 'a', { signal: new AbortController().signal })
      process.kill(process.pid, 'SIGKILL')`
    const { signal } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program])
    expect(signal).toBe('SIGKILL')
    expect(volumes.mounted('volume')).toHaveLength(1)
  }

  test('leaves a mount that the sweep takes away, with its loop device', async () => {
    const options = { type: 'ext4', device: makeImage(join(directory, 'image'), 'ext4', 16) }
    await volumes.create('volume', options)
    killedWhileMounting(options)
    await volumes.driver.sweep('volume', { signal })
    expect(mountsBelow(directory)).toEqual([])
    await noLoopsOver(options.device)
  })

  test('leaves a mount that the next one uses, and the sweep leaves alone then', async () => {
    await volumes.create('volume', tmpfs)
    killedWhileMounting(tmpfs)
    await volumes.mount('volume', 'b')
    await volumes.driver.sweep('volume', { signal })
    expect(volumes.mounted('volume')).toHaveLength(1)
    await volumes.unmount('volume', 'b')
    expect(mountsBelow(directory)).toEqual([])
  })

  test('takes nothing but the volume along when that is removed', async () => {
    const source = sourceWith('file', 'x')
    await volumes.create('volume', bindOf(source))
    killedWhileMounting(bindOf(source))
    await volumes.driver.remove('volume', { signal })
    expect([readdirSync(volumes.directory), readdirSync(source), mountsBelow(directory)]).toEqual([[], ['file'], []])
  })
})

describe('removal', () => {
  test('takes the files, and is success when there are none', async () => {
    await volumes.create('plain', {})
    writeFileSync(join(volumes.data('plain'), 'file'), 'x')
    await volumes.driver.remove('plain', { signal })
    await volumes.driver.remove('plain', { signal })
    expect(readdirSync(volumes.directory)).toEqual([])
  })

  test('takes one with the longest of names', async () => {
    const name = 'x'.repeat(255)
    await volumes.create(name, tmpfs)
    await volumes.mount(name, 'a')
    await volumes.unmount(name, 'a')
    await volumes.driver.remove(name, { signal })
    expect(readdirSync(volumes.directory)).toEqual([])
  })

  test('finishes one that was cut short, and does not take it for a volume', async () => {
    const gone = `.gone-${createHash('sha256').update('plain').digest('hex')}`
    mkdirSync(join(volumes.directory, gone, '_data'), { recursive: true })
    expect(await volumes.driver.list()).toEqual([])
    await volumes.create('plain', {})
    await volumes.driver.remove('plain', { signal })
    expect(readdirSync(volumes.directory)).toEqual([])
  })
})
