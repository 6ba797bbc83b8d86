import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { copyCases, makeDestinations, makeSource, outcomes } from '../../test/support/copy-matrix.js'
import { temporaryDirectory } from '../host/fixture.js'
import { archive, describeTree } from '../layer/fixture.js'
import { makeTree } from './copy-fixture.js'
import { copyIn, putArchive } from './copy-in.js'
import { copyOut, getArchive } from './copy-out.js'
import type { CopyPlace } from './copy-rules.js'

const volumeAt = (directory: string): CopyPlace => ({ root: { directory }, kind: 'volume', name: NAME })

/** As messages have it. */
const NAME = 'a-volume'

const from = `echo f >file; mkdir -p dir/sub; echo in >dir/in; ln -s file to-file; ln -s dir to-dir; ln -s dir/sub sub-link`
const L = { followLink: true }

/** All of them are tried with containers. */
const volumeCases = copyCases.filter(({ name }) => ['file', 'dir', 'dir/.', 'to-dir/', '-L to-file'].includes(name))

function ownDirectory() {
  const directory = mkdtempSync('/dev/shm/inboard-test-')
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

describe('copies into a volume', () => {
  const { directory, remove } = ownDirectory()
  const host = join(directory, 'from')
  const volume = join(directory, 'volume')
  beforeAll(() => {
    makeSource(host)
    makeDestinations(join(volume, 'w'))
  })
  afterAll(remove)

  test.each(volumeCases)('of $name', async (one) => {
    const copy = (place: string, destination: string) =>
      copyIn(`${host}/${one.source}`, volumeAt(volume), `/w/${place}/${destination}`, one)
    const names = (place: string) => ({ HOST: host, BOX: `/w/${place}`, NAME })
    expect(await outcomes('in', one, join(volume, 'w'), copy, names)).toEqual([])
  })

  test('symlinks to absolute paths, and to what is above, lead inside the volume', async () => {
    const host = makeTree(temporaryDirectory(), 'echo f >file')
    const volume = makeTree(temporaryDirectory(), 'mkdir -p etc a; ln -s /etc abs; ln -s ../../../../../etc a/up')
    await copyIn(`${host}/file`, volumeAt(volume), 'abs')
    await copyIn(`${host}/file`, volumeAt(volume), '/../a/up/second')
    expect(readdirSync(join(volume, 'etc')).sort()).toEqual(['file', 'second'])
  })

  test('large files have every byte, before holes, between them and behind them', async () => {
    const host = makeTree(
      temporaryDirectory(),
      `mkdir d; head -c 700001 /dev/urandom >d/whole; head -c 131072 /dev/urandom >d/edge; truncate -s 9M d/holes
       head -c 300000 /dev/urandom | dd of=d/holes bs=1M seek=2 conv=notrunc status=none
       head -c 1048576 /dev/urandom | dd of=d/holes bs=1M seek=7 conv=notrunc status=none; echo small >d/small`,
    )
    const [volume, back] = [temporaryDirectory(), temporaryDirectory()]
    const { size } = await copyIn(`${host}/d`, volumeAt(volume), '/')
    await copyOut(volumeAt(volume), '/d', back)
    for (const copy of [volume, back]) {
      execFileSync('diff', ['-r', `${host}/d`, `${copy}/d`])
      expect(statSync(`${copy}/d/holes`).blocks).toBeLessThan(4096)
    }
    expect(size).toBe(700_001 + 131_072 + 9 * 1024 * 1024 + 6)
  })

  test('files keep their owners, modes, attributes, holes, links and times, or get another owner', async () => {
    const host = makeTree(
      temporaryDirectory(),
      `mkdir d; echo f >d/f; ln d/f d/g; chown 65534:2 d/f; chmod 4755 d/f; setfattr -n user.x -v y d/f; truncate -s 3M d/hole
       setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/hole; mkfifo d/p; touch -d '2001-01-01 UTC' d/f d`,
    )
    const kept = temporaryDirectory()
    const given = temporaryDirectory()
    await copyIn(`${host}/d`, volumeAt(kept), '/')
    await copyIn(`${host}/d`, volumeAt(given), '/', { owner: { uid: 7, gid: 8 } })
    expect(describeTree(kept)).toEqual(describeTree(host))
    expect(describeTree(given)).toEqual(describeTree(host).map((line) => line.replace(/ \d+:\d+ /, ' 7:8 ')))
  })

  test('what is there already keeps its attributes when only its content is copied', async () => {
    const host = makeTree(temporaryDirectory(), 'mkdir d; echo f >d/f; chmod 777 d')
    const volume = makeTree(temporaryDirectory(), 'chown 999:999 .; chmod 700 .')
    await copyIn(`${host}/d/.`, volumeAt(volume), '/')
    expect(statSync(volume)).toMatchObject({ uid: 999, gid: 999, mode: 0o40700 })
  })

  test('what is mounted in the source is copied', async () => {
    const host = makeTree(temporaryDirectory(), 'mkdir -p d/m; mount -t tmpfs -o size=1m none d/m; echo f >d/m/f')
    onTestFinished(() => void execFileSync('umount', [join(host, 'd/m')]))
    const volume = temporaryDirectory()
    await copyIn(join(host, 'd'), volumeAt(volume), '/')
    expect(readFileSync(join(volume, 'd/m/f'), 'utf8')).toBe('f\n')
  })

  test('an archive is extracted to a directory, by the same rules', async () => {
    const volume = makeTree(
      temporaryDirectory(),
      'mkdir -p d full/file; echo x >full/file/x; ln -s d to-d; echo o >old',
    )
    await putArchive(archive({ name: 'x', content: 'x' }), volumeAt(volume), '/to-d')
    expect(readdirSync(join(volume, 'd'))).toEqual(['x'])
    const into = (path: string, options = {}) =>
      putArchive(archive({ name: 'file', content: 'f' }), volumeAt(volume), path, options)
    await expect(into('/old')).rejects.toThrow('extraction point is not a directory')
    await expect(into('/none')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(into('/full')).rejects.toThrow('cannot overwrite directory "/full/file" with non-directory "/full"')
    await into('/full', { noOverwriteDirNonDir: false })
    expect(readFileSync(join(volume, 'full/file'), 'utf8')).toBe('f')
  })

  test.each([
    ['', '/', 'source can not be empty'],
    ['/tmp', '', 'destination can not be empty'],
    ['/tmp', 'a\0b', 'a path cannot hold a NUL byte'],
  ])('from %j to %j: %s', async (source, destination, message) => {
    await expect(copyIn(source, volumeAt('/nowhere'), destination)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message,
    })
  })
})

describe('copies out of a volume', () => {
  const { directory, remove } = ownDirectory()
  const host = join(directory, 'host')
  const volume = join(directory, 'volume')
  beforeAll(() => {
    makeSource(join(volume, 'from'))
    makeDestinations(host)
  })
  afterAll(remove)

  test.each(volumeCases)('of $name', async (one) => {
    const copy = (place: string, destination: string) =>
      copyOut(volumeAt(volume), `/from/${one.source}`, `${host}/${place}/${destination}`, one)
    const names = (place: string) => ({ HOST: `${host}/${place}`, BOX: '/from', NAME })
    expect(await outcomes('out', one, host, copy, names)).toEqual([])
  })

  test('the root goes by no name', async () => {
    const volume = makeTree(temporaryDirectory(), 'echo f >f')
    const host = makeTree(temporaryDirectory(), 'mkdir d')
    await copyOut(volumeAt(volume), '/', join(host, 'd'))
    await copyOut(volumeAt(volume), '/', join(host, 'whole'))
    expect((readdirSync(host, { recursive: true }) as string[]).sort()).toEqual(['d', 'd/f', 'whole', 'whole/f'])
  })

  test('files are the caller’s, without rights of others; as an archive they keep owners and rights', async () => {
    const volume = makeTree(
      temporaryDirectory(),
      `mkdir d; echo f >d/su; chown 1234:5678 d/su d; chmod 6755 d/su; chmod 3777 d; setfattr -n user.x -v y d/su
       setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/su; touch -d '2001-01-01 UTC' d/su d`,
    )
    const [plain, whole] = [temporaryDirectory(), temporaryDirectory()]
    await copyOut(volumeAt(volume), '/d', plain)
    await copyOut(volumeAt(volume), '/d', whole, { archive: true })
    expect(describeTree(whole)).toEqual(describeTree(volume))
    expect(describeTree(plain)).toEqual([
      'd 41777 0:0 0:0 978307200.000000000 []',
      'd/su 100755 0:0 2 x1 978307200.000000000 [user.x=79]',
    ])
  })

  test('special files are special files', async () => {
    const volume = makeTree(temporaryDirectory(), 'mkdir d; mkfifo d/p; mknod d/null c 1 3; ln -s /etc/passwd d/s')
    const host = temporaryDirectory()
    await copyOut(volumeAt(volume), '/d', host)
    expect(describeTree(host).map((line) => line.replace(/\d+\.\d{9} /, ''))).toEqual([
      'd 40755 0:0 0:0 []',
      'd/null 20644 0:0 1:3 []',
      'd/p 10644 0:0 0:0 []',
      'd/s 120777 0:0 0:0 [] -> /etc/passwd',
    ])
  })

  test('symlinks are followed inside the volume, never on the host', async () => {
    const volume = makeTree(
      temporaryDirectory(),
      'mkdir etc; echo inside >etc/hostname; ln -s /etc/hostname h; ln -s ../../../etc up',
    )
    const host = temporaryDirectory()
    await copyOut(volumeAt(volume), '/h', join(host, 'h'), { followLink: true })
    await copyOut(volumeAt(volume), '/up/hostname', join(host, 'up'))
    expect(['h', 'up'].map((name) => readFileSync(join(host, name), 'utf8'))).toEqual(['inside\n', 'inside\n'])
  })

  test('a symlink of the target is replaced, not written through', async () => {
    const volume = makeTree(temporaryDirectory(), 'mkdir d; echo new >d/f')
    const host = makeTree(temporaryDirectory(), 'mkdir d; echo precious >precious; ln -s ../precious d/f')
    await copyOut(volumeAt(volume), '/d', host)
    expect(readFileSync(join(host, 'precious'), 'utf8')).toBe('precious\n')
    expect(readFileSync(join(host, 'd/f'), 'utf8')).toBe('new\n')
  })

  test('links that lead in circles are refused on both sides', async () => {
    const volume = makeTree(temporaryDirectory(), 'ln -s loop loop; echo f >file')
    const host = makeTree(temporaryDirectory(), 'ln -s loop loop')
    await expect(copyOut(volumeAt(volume), '/loop/x', host)).rejects.toThrow('too many levels of symbolic links')
    await expect(copyOut(volumeAt(volume), '/file', join(host, 'loop'))).rejects.toThrow('too many levels')
  })

  test('an archive has the file under its name, and says what it is', async () => {
    const volume = makeTree(temporaryDirectory(), `${from}; touch -hd '2001-01-01 UTC' file to-dir`)
    const list = async (path: string, options = {}) => {
      const tar = await getArchive(volumeAt(volume), path, options)
      const names = execFileSync('tar', ['-tf', '-'], { input: await buffer(tar), encoding: 'utf8' })
      return { stat: tar.stat, names: names.trim().split('\n') }
    }
    expect(await list('/to-dir')).toEqual({
      stat: { name: 'to-dir', size: 3, mode: 0o120777, mtime: [978307200, 0], linkTarget: '/dir' },
      names: ['to-dir'],
    })
    expect((await list('/to-dir/')).names).toEqual(['to-dir/', 'to-dir/in', 'to-dir/sub/'])
    expect((await list('/to-dir', L)).names).toEqual(['to-dir/', 'to-dir/in', 'to-dir/sub/'])
    expect((await list('/to-dir/.')).names).toEqual(['./', './in', './sub/'])
    expect((await list('file')).stat).toEqual({
      name: 'file',
      size: 2,
      mode: 0o100644,
      mtime: [978307200, 0],
      linkTarget: '',
    })
  })
})

test('a tree with what is mounted below, as a container has it, is entered when that is wanted', async () => {
  const directory = makeTree(temporaryDirectory(), 'mkdir m; mount -t tmpfs -o size=1m none m; echo in >m/f')
  onTestFinished(() => void execFileSync('umount', [join(directory, 'm')]))
  const container: CopyPlace = { root: { directory, crossesMounts: true }, kind: 'container', name: 'web' }
  const host = makeTree(temporaryDirectory(), 'echo f >g')
  await copyOut(container, '/m/f', host)
  await copyIn(join(host, 'g'), container, '/m')
  expect(readFileSync(join(host, 'f'), 'utf8')).toBe('in\n')
  expect(readdirSync(join(directory, 'm')).sort()).toEqual(['f', 'g'])
  await expect(copyOut(volumeAt(directory), '/m/f', host)).rejects.toMatchObject({ details: { errno: 'EXDEV' } })
  await expect(copyOut(container, '/gone', host)).rejects.toThrow('Could not find the file /gone in container web')
})

test('relative paths of the host begin in the working directory', async () => {
  const host = realpathSync(makeTree(temporaryDirectory(), 'mkdir d; echo f >d/f'))
  const volume = temporaryDirectory()
  const back = process.cwd()
  process.chdir(join(host, 'd'))
  onTestFinished(() => process.chdir(back))
  await copyIn('.', volumeAt(volume), '/')
  await copyOut(volumeAt(volume), 'f', '../g')
  await copyIn('..', volumeAt(volume), '/up')
  mkdirSync(join(host, 'e'))
  symlinkSync('e', join(host, 'l'))
  await copyOut(volumeAt(volume), '/f', '../l/')
  expect(readdirSync(volume).sort()).toEqual(['f', 'up'])
  expect(readdirSync(join(volume, 'up')).sort()).toEqual(['d', 'g'])
  expect(readdirSync(join(host, 'e'))).toEqual(['f'])
})
