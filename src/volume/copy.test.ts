import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { archive, describeTree } from '../layer/fixture.js'
import { makeTree } from './copy-fixture.js'
import { copyIn, putArchive } from './copy-in.js'
import { copyOut, getArchive } from './copy-out.js'
import { statPath } from './copy-place.js'
import type { CopyPlace } from './copy-rules.js'

const volumeAt = (directory: string): CopyPlace => ({ root: { directory }, kind: 'volume', name: 'v' })

const from = `echo f >file; mkdir -p dir/sub; echo in >dir/in; ln -s file to-file; ln -s dir to-dir; ln -s dir/sub sub-link`
const to = `echo old >old; mkdir -p full/file taken; echo x >full/file/x; echo t >taken/dir; mkdir d
  ln -s d to-d; ln -s old to-old; ln -s missing to-missing; ln -s to-d/../taken to-taken; mknod null c 1 3`

/** What differs from the tree before, as `path=content`, `path/`, `path->target`. */
function newIn(directory: string): string[] {
  const list = (root: string) =>
    execFileSync('find', ['.', '-mindepth', '1', '-printf', '%y %P %l\n'], { cwd: root, encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([type, name, target]) => {
        if (type === 'd') return `${name}/`
        if (type === 'l') return `${name}->${target}`
        return type === 'f' ? `${name}=${readFileSync(join(root, name as string), 'utf8').trim()}` : (name as string)
      })
      .sort()
  const before = list(makeTree(temporaryDirectory(), to))
  const after = list(directory)
  expect(before.filter((line) => !after.includes(line) && !line.startsWith('old='))).toEqual([])
  return after.filter((line) => !before.includes(line))
}

const L = { followLink: true }

/** Docker's matrix: source, destination, what there is then, and what differs when it goes to the host. */
const matrix: [source: string, destination: string, files: string[], options?: { followLink: boolean }][] = [
  ['file', 'missing', ['missing=f']],
  ['file', 'old', ['old=f']],
  ['file', 'd', ['d/file=f']],
  ['file', 'd/', ['d/file=f']],
  ['file', 'd/.', ['d/file=f']],
  ['file', 'to-d', ['d/file=f']],
  ['file', 'to-d/', ['d/file=f']],
  ['file', 'to-old', ['old=f']],
  ['file', 'to-missing', ['missing=f']],
  ['file', 'to-taken', ['taken/file=f']],
  ['dir', 'missing', ['missing/', 'missing/in=in', 'missing/sub/']],
  ['dir', 'missing/', ['missing/', 'missing/in=in', 'missing/sub/']],
  ['dir', 'to-missing', ['missing/', 'missing/in=in', 'missing/sub/']],
  ['dir', 'd', ['d/dir/', 'd/dir/in=in', 'd/dir/sub/']],
  ['dir/', 'd/', ['d/dir/', 'd/dir/in=in', 'd/dir/sub/']],
  ['dir/../dir', 'd', ['d/dir/', 'd/dir/in=in', 'd/dir/sub/']],
  ['dir/.', 'd', ['d/in=in', 'd/sub/']],
  ['dir/./', 'to-d/', ['d/in=in', 'd/sub/']],
  ['dir/.', 'missing', ['missing/', 'missing/in=in', 'missing/sub/']],
  ['to-file', 'd', ['d/to-file->file']],
  ['to-file', 'missing', ['missing->file']],
  ['to-file', 'd', ['d/to-file=f'], L],
  ['to-dir', 'd', ['d/to-dir->dir']],
  ['to-dir', 'd', ['d/to-dir/', 'd/to-dir/in=in', 'd/to-dir/sub/'], L],
  ['to-dir/', 'd', ['d/to-dir/', 'd/to-dir/in=in', 'd/to-dir/sub/']],
  ['to-dir/.', 'd', ['d/in=in', 'd/sub/']],
  ['to-dir/in', 'd', ['d/in=in']],
]

const refusals: [source: string, destination: string, inwards: string, outwards: string][] = [
  ['file', 'missing/', 'no such directory', 'no such directory'],
  ['file', 'missing/.', 'no such directory', 'no such directory'],
  ['file', 'old/', 'no such directory', 'stat HOST/old/: not a directory'],
  [
    'file',
    'none/x',
    'Could not find the file /none in volume v',
    'invalid output path: directory "HOST/none" does not exist',
  ],
  ['file', 'old/x', 'extraction point is not a directory', 'stat HOST/old/x: not a directory'],
  ['dir', 'missing/.', 'Could not find the file /missing in volume v', 'stat HOST/missing: no such file or directory'],
  ['dir', 'old', 'cannot copy directory', 'cannot copy directory'],
  ['dir/.', 'old', 'cannot copy directory', 'cannot copy directory'],
  ['dir', 'to-old', 'cannot copy directory', 'cannot copy directory'],
  ['dir', 'old/', 'cannot overwrite non-directory "/old" with directory "/"', 'stat HOST/old/: not a directory'],
  [
    'dir',
    'taken',
    'cannot overwrite non-directory "/taken/dir" with directory "/taken"',
    'cannot overwrite non-directory "/dir" with directory "/"',
  ],
  [
    'file',
    'full',
    'cannot overwrite directory "/full/file" with non-directory "/full"',
    'cannot overwrite directory "/file" with non-directory "/"',
  ],
  ['file/', 'd', 'lstat HOST/file/: not a directory', 'lstat /file/: not a directory'],
  ['file/.', 'd', 'lstat HOST/file/.: not a directory', 'lstat /file/.: not a directory'],
  ['file/x', 'd', 'lstat HOST/file/x: not a directory', 'lstat /file/x: not a directory'],
  ['nowhere', 'd', 'lstat HOST/nowhere: no such file or directory', 'Could not find the file /nowhere in volume v'],
  [
    'nowhere/x',
    'd',
    'lstat HOST/nowhere/x: no such file or directory',
    'Could not find the file /nowhere/x in volume v',
  ],
  [
    'file',
    'null',
    'destination "v:/null" must be a directory or a regular file: got a device',
    'invalid output path: "HOST/null" must be a directory or a regular file: got a device',
  ],
]

describe('copies into a volume', () => {
  test.each(matrix)('%s to %s makes %j', async (source, destination, files, options = { followLink: false }) => {
    const host = makeTree(temporaryDirectory(), from)
    const volume = makeTree(temporaryDirectory(), to)
    await copyIn(`${host}/${source}`, volumeAt(volume), `/${destination}`, options)
    expect(newIn(volume)).toEqual(files)
  })

  test.each(refusals)('%s to %s is refused: %s', async (source, destination, message) => {
    const host = makeTree(temporaryDirectory(), from)
    const volume = makeTree(temporaryDirectory(), to)
    const copied = copyIn(`${host}/${source}`, volumeAt(volume), `/${destination}`)
    await expect(copied).rejects.toMatchObject({ message: message.replaceAll('HOST', host) })
    expect(newIn(volume)).toEqual([])
  })

  test('symlinks to absolute paths, and to what is above, lead inside the volume', async () => {
    const host = makeTree(temporaryDirectory(), 'echo f >file')
    const volume = makeTree(temporaryDirectory(), 'mkdir -p etc a; ln -s /etc abs; ln -s ../../../../../etc a/up')
    await copyIn(`${host}/file`, volumeAt(volume), 'abs')
    await copyIn(`${host}/file`, volumeAt(volume), '/../a/up/second')
    expect(readdirSync(join(volume, 'etc')).sort()).toEqual(['file', 'second'])
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
    const volume = makeTree(temporaryDirectory(), to)
    await putArchive(archive({ name: 'x', content: 'x' }), volumeAt(volume), '/to-d')
    expect(newIn(volume)).toEqual(['d/x=x'])
    const into = (path: string) => putArchive(archive({ name: 'file' }), volumeAt(volume), path, { keepsKinds: true })
    await expect(into('/old')).rejects.toThrow('extraction point is not a directory')
    await expect(into('/none')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(into('/full')).rejects.toThrow('cannot overwrite directory "/full/file" with non-directory "/full"')
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
  test.each(matrix)('%s to %s makes %j', async (source, destination, files, options = { followLink: false }) => {
    const volume = makeTree(temporaryDirectory(), from)
    const host = makeTree(temporaryDirectory(), to)
    await copyOut(volumeAt(volume), `/${source}`, `${host}/${destination}`, options)
    expect(newIn(host)).toEqual(files)
  })

  test.each(refusals)('%s to %s is refused (not %j): %s', async (source, destination, _, message) => {
    const volume = makeTree(temporaryDirectory(), from)
    const host = makeTree(temporaryDirectory(), to)
    const copied = copyOut(volumeAt(volume), `/${source}`, `${host}/${destination}`)
    await expect(copied).rejects.toMatchObject({ message: message.replaceAll('HOST', host) })
    expect(newIn(host)).toEqual([])
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
      const { archive: stream, stat } = await getArchive(volumeAt(volume), path, options)
      const names = execFileSync('tar', ['-tf', '-'], { input: await buffer(stream), encoding: 'utf8' })
      return { stat, names: names.trim().split('\n') }
    }
    expect(await list('/to-dir')).toEqual({
      stat: { name: 'to-dir', size: 3, mode: 0o120777, mtime: [978307200, 0], linkTarget: '/dir' },
      names: ['to-dir'],
    })
    expect((await list('/to-dir/')).names).toEqual(['to-dir/', 'to-dir/in', 'to-dir/sub/'])
    expect((await list('/to-dir', L)).names).toEqual(['to-dir/', 'to-dir/in', 'to-dir/sub/'])
    expect((await list('/to-dir/.')).names).toEqual(['./', 'in', 'sub/'])
    expect(await statPath(volumeAt(volume), 'file')).toEqual({
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
