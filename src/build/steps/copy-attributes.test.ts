import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { AT_FDCWD, native } from '../../host/index.js'
import { makeFiles } from '../context/fixture.js'
import { attributesOf, done, tryInstruction } from './fixture.js'

/** A directory as a stage has it, whose files are others'. */
function stageWith(make: (path: (name: string) => string) => void): string {
  const directory = temporaryDirectory('/dev/shm')
  make((name) => join(directory, name))
  return directory
}

const accounts = {
  'etc/passwd': 'root:x:0:0::/root:/bin/sh\n# comment\nbroken\napp:x:1000:1001::/home/app:/bin/sh\n',
  'etc/group': 'root:x:0:\nstaff:x:50:app\n',
}

describe('whose copied files are', () => {
  it.each([
    ['', '0:0'],
    ['--chown=7', '7:7'],
    ['--chown=7:8', '7:8'],
    ['--chown=:8', '0:8'],
    ['--chown=app', '1000:1001'],
    ['--chown=app:staff', '1000:50'],
    ['--chown=app:9', '1000:9'],
    ['--chown=7:staff', '7:50'],
  ])('of a context, with %j: %s', async (flag, owner) => {
    const root = await done(`COPY ${flag} dir /new/at`, {
      context: { 'dir/sub/f': '', 'dir/l': '-> f' },
      root: accounts,
    })
    for (const path of ['new', 'new/at', 'new/at/sub', 'new/at/sub/f', 'new/at/l'])
      expect(attributesOf(root, path)).toMatch(new RegExp(` ${owner}$`))
  })

  it('of a stage, who they are there', async () => {
    const stage = stageWith((at) => {
      mkdirSync(at('d/sub'), { recursive: true })
      writeFileSync(at('d/sub/f'), '')
      chownSync(at('d'), 1, 2)
      chownSync(at('d/sub'), 3, 4)
      chownSync(at('d/sub/f'), 5, 6)
    })
    const root = await done('COPY --from=stage d /d', { stage })
    expect(attributesOf(root, 'd')).toBe('0755 0:0')
    expect(attributesOf(root, 'd/sub')).toBe('0755 3:4')
    expect(attributesOf(root, 'd/sub/f')).toMatch(' 5:6')
  })

  it('by names of files that are behind symlinks within the container, and not of those outside', async () => {
    const root = {
      'etc/passwd': '-> ../../../../real/passwd',
      'real/passwd': 'app:x:12:13:::',
      'etc/group': '-> /proc/self/x',
    }
    expect(attributesOf(await done('COPY --chown=app a /a', { context: { a: '' }, root }), 'a')).toBe('0644 12:13')
  })

  it.each(['mknod', 'directory'])('not by a passwd that is a %s', async (kind) => {
    const root = stageWith((at) => {
      mkdirSync(at('etc'))
      if (kind === 'mknod') native().mknodat(AT_FDCWD, at('etc/passwd'), 0o010600, 0, 0)
      else mkdirSync(at('etc/passwd'))
    })
    await expect(done('COPY --chown=app a /a', { context: { a: '' }, root })).rejects.toThrow('no such user: app')
  })
})

describe('which modes and times they have', () => {
  it.each([
    ['--chmod=640', '0640', '0640', '0640', '0640'],
    ['--chmod=4755', '4755', '0755', '0755', '4755'],
    ['--chmod=u=rwX,go=rX', '0755', '0755', '0755', '0755'],
    ['--chmod=go-rx,+t', '1700', '0755', '0755', '1700'],
    ['--chmod=a=,u+rw', '0600', '0755', '0755', '0600'],
    ['--chmod=g=u', '0775', '0755', '0755', '0775'],
    ['', '0755', '0755', '0755', '0755'],
  ])('with %j a program is %s', async (flag, program, parent, top, sub) => {
    const stage = stageWith((at) => {
      mkdirSync(at('dir/sub'), { recursive: true, mode: 0o755 })
      writeFileSync(at('dir/program'), '')
      chmodSync(at('dir/program'), 0o755)
    })
    const root = await done(`COPY ${flag} --from=stage dir /new/at`, { stage })
    const modes = ['new/at/program', 'new', 'new/at', 'new/at/sub'].map((path) => attributesOf(root, path).slice(0, 4))
    expect(modes).toEqual([program, parent, top, sub])
  })

  it.each([
    ['u+s,g+s', '6755'],
    ['o+s', '0755'],
    ['a-x,a+X', '0755'],
    ['ug-w,o=', '0550'],
    ['=r', '0444'],
    ['u=g,o=u', '0555'],
    ['+r+w-x', '0666'],
    ['0', '0000'],
  ])('--chmod=%s makes %s of 755', async (chmod, mode) => {
    const stage = stageWith((at) => writeFileSync(at('f'), ''))
    chmodSync(join(stage, 'f'), 0o755)
    expect(attributesOf(await done(`COPY --chmod=${chmod} --from=stage f /f`, { stage }), 'f').slice(0, 4)).toBe(mode)
  })

  it.each(['10000', '9', '75x', 'u', 'u+q', 'u+r,', 'rwx'])('--chmod=%s is none', async (chmod) => {
    const result = done(`COPY --chmod=${chmod} a /a`, { context: { a: '' } })
    await expect(result).rejects.toMatchObject({ code: 'DOCKERFILE_INVALID' })
  })

  it('keeps the times of files, links and directories, to the nanosecond', async () => {
    const context = makeFiles({ 'd/sub/f': 'x', 'd/l': '-> f' })
    const at = [1_500_000_000, 123_456_789] as const
    for (const path of ['d/sub/f', 'd/l', 'd/sub', 'd']) native().utimesAt(AT_FDCWD, join(context, path), at, at)
    const root = await done('COPY d /d', { context })
    for (const path of ['d/sub/f', 'd/l', 'd/sub', 'd'])
      expect(native().statAt(AT_FDCWD, join(root, path))?.mtime).toEqual(at)
  })

  it('leaves a directory that is there what it was, and gives those in it what they are in the source', async () => {
    const stage = stageWith((at) => {
      mkdirSync(at('d/sub'), { recursive: true })
      chmodSync(at('d'), 0o700)
      chmodSync(at('d/sub'), 0o711)
      utimesSync(at('d'), 1, 1)
    })
    const target = stageWith((at) => {
      mkdirSync(at('d/sub'), { recursive: true })
      chmodSync(at('d'), 0o1777)
      chownSync(at('d/sub'), 9, 9)
    })
    const root = await done('COPY --from=stage d /d', { stage, root: target })
    expect([attributesOf(root, 'd'), attributesOf(root, 'd/sub')]).toEqual(['1777 0:0', '0711 0:0'])
    expect(statSync(join(root, 'd')).mtimeMs).toBe(1000)
  })

  it('makes files of the Dockerfile 0644, or what is asked for', async () => {
    expect(attributesOf(await done('COPY <<EOF /f\nx\nEOF'), 'f')).toBe('0644 0:0')
    expect(attributesOf(await done('COPY --chmod=+x --chown=3 <<EOF /f\nx\nEOF'), 'f')).toBe('0755 3:3')
  })
})

describe('what they are', () => {
  it('keeps hard links, holes, capabilities, devices and fifos of a stage, and leaves sockets out', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
    const stage = stageWith((at) => {
      writeFileSync(at('one'), 'linked')
      linkSync(at('one'), at('two'))
      writeFileSync(at('holes'), 'x')
      truncateSync(at('holes'), 10_000_000)
      writeFileSync(at('capable'), 'x')
      native().setxattrAt(AT_FDCWD, at('capable'), 'security.capability', capability)
      native().mknodat(AT_FDCWD, at('null'), 0o020666, 1, 3)
      native().mknodat(AT_FDCWD, at('fifo'), 0o010640, 0, 0)
      native().mknodat(AT_FDCWD, at('socket'), 0o140640, 0, 0)
    })
    const root = await done('COPY --from=stage --chown=1 / /d/', { stage })
    const stat = (name: string) => lstatSync(join(root, 'd', name))
    expect(stat('one').ino).toBe(stat('two').ino)
    expect([stat('holes').size, stat('holes').blocks < 100]).toEqual([10_000_000, true])
    const copied = native().getxattrAt(AT_FDCWD, join(root, 'd/capable'), 'security.capability')
    expect(Buffer.from(copied ?? [])).toEqual(capability)
    expect([stat('null').isCharacterDevice(), stat('null').rdev]).toEqual([true, 0x103])
    expect(stat('fifo').isFIFO()).toBe(true)
    expect(() => stat('socket')).toThrow('ENOENT')
  })

  it('keeps attributes of files, which their key counts', async () => {
    const context = makeFiles({ f: 'x' })
    const set = (value: string) => native().setxattrAt(AT_FDCWD, join(context, 'f'), 'user.kind', Buffer.from(value))
    const keyNow = async () => (await tryInstruction('COPY f /f', { context })).step.key()
    const plain = await keyNow()
    set('one')
    const one = await keyNow()
    set('two')
    const two = await keyNow()
    expect(new Set([plain, one, two].map((key) => JSON.stringify(key))).size).toBe(3)
    const root = await done('COPY f /f', { context })
    const value = native().getxattrAt(AT_FDCWD, join(root, 'f'), 'user.kind')
    expect(Buffer.from(value ?? []).toString()).toBe('two')
  })

  it('copies large files and names that are not UTF-8', async () => {
    const context = temporaryDirectory('/dev/shm')
    const content = Buffer.alloc(3_000_000, 'abcdefg')
    writeFileSync(join(context, 'large'), content)
    writeFileSync(Buffer.concat([Buffer.from(`${context}/`), Buffer.from([0x66, 0xff])]), 'odd')
    const root = await done('COPY . /d/', { context })
    expect(readFileSync(join(root, 'd/large')).equals(content)).toBe(true)
    expect(statSync(Buffer.concat([Buffer.from(`${root}/d/`), Buffer.from([0x66, 0xff])])).size).toBe(3)
  })

  it('refuses files that were changed after their content was looked at', async () => {
    const trial = await tryInstruction('COPY d /d', { context: { 'd/a': 'before', 'd/b': '' } })
    await trial.step.key()
    writeFileSync(join(trial.context, 'd/a'), 'after')
    await expect(trial.execute()).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' })
  })
})
