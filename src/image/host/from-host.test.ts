import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestStore, testStore } from '../../../test/support/image-store.js'
import { quickest } from '../../../test/support/quickest.js'
import type { FromHostOptions } from './options.js'

let store: TestStore
let directory: string
beforeEach(async () => {
  store = await testStore()
  directory = mkdtempSync('/tmp/ib-host-')
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** The image's files: its only layer. */
const make = async (options: FromHostOptions) => {
  const { id } = await store.images.fromHost(options)
  return store.topLayer(id)
}
const inside = (root: string, ...command: string[]) =>
  execFileSync('/usr/sbin/chroot', [root, ...command], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: '/root' },
  }).trim()

const script = (name: string, text: string) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

describe('fromHost', () => {
  it('makes an image in which node, redis-server and /bin/sh work', async () => {
    const root = await make({ executables: ['node', 'redis-server', '/bin/sh'] })
    expect(inside(root, 'node', '-p', 'process.version + os.userInfo().username')).toBe(`${process.version}root`)
    expect(inside(root, 'redis-server', '--version')).toMatch(/^Redis server v=/)
    expect(inside(root, '/bin/sh', '-c', 'echo $((6 * 7))')).toBe('42')
    expect(store.images.get('host:latest').config).toMatchObject({
      Cmd: ['node'],
      Env: [expect.stringMatching(/^PATH=\/usr\/local\/sbin:.*:\/bin/)],
    })
  })

  it('has the usual directories and minimal users', async () => {
    const root = await make({ executables: ['/bin/sh'] })
    const mode = (path: string) => (statSync(join(root, path)).mode & 0o7777).toString(8)
    expect({ tmp: mode('tmp'), root: mode('root'), etc: mode('etc') }).toEqual({ tmp: '1777', root: '700', etc: '755' })
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^root:x:0:0:.*\nnobody:x:65534:/)
    expect(readFileSync(join(root, 'etc/group'), 'utf8')).toMatch(/^root:x:0:\nnogroup:x:65534:/)
    expect(readFileSync(join(root, 'etc/nsswitch.conf'), 'utf8')).toMatch(/^hosts: files dns$/m)
  })

  it('keeps every symlink on the way to a program', async () => {
    const root = await make({ executables: ['/bin/sh'] })
    const links = ['/bin', '/lib', '/bin/sh'].filter((path) => lstatSync(path).isSymbolicLink())
    expect(links.map((path) => readlinkSync(join(root, path)))).toEqual(links.map((path) => readlinkSync(path)))
  })

  it('makes the same image of the same files, in another root and after a removal', async () => {
    using other = await testStore()
    const first = await store.images.fromHost({ executables: ['/bin/sh'] })
    const second = await other.images.fromHost({ executables: ['/bin/sh'], reference: 'shell' })
    expect(second).toEqual({ id: first.id, references: ['shell:latest'] })
    await store.images.remove('host')
    expect(store.remains()).toEqual([])
    expect(await store.images.fromHost({ executables: ['/bin/sh'] })).toEqual(first)
  })

  it('reuses an image while nothing has changed, and makes another when something has', async () => {
    const program = script('tool', '#!/bin/sh\necho one\n')
    const first = await store.images.fromHost({ executables: [program] })
    const inodes = readdirSync(join(store.root, 'snapshots'))
    expect(await store.images.fromHost({ executables: [program] })).toEqual(first)
    expect(readdirSync(join(store.root, 'snapshots'))).toEqual(inodes)
    writeFileSync(program, '#!/bin/sh\necho two\n')
    const second = await store.images.fromHost({ executables: [program] })
    expect(second.id).not.toBe(first.id)
    const [layer] = store.snapshots.layers(store.images.get('host').chain)
    expect(inside(layer as string, program)).toBe('two')
  })

  it('names a reused image anew', async () => {
    const { id } = await store.images.fromHost({ executables: ['/bin/sh'] })
    expect(await store.images.fromHost({ executables: ['/bin/sh'], reference: 'again:1' })).toEqual({
      id,
      references: ['again:1'],
    })
    expect(store.images.get(id).references).toEqual(['again:1', 'host:latest'])
  })

  it('takes the interpreters of scripts along', async () => {
    const direct = script('direct', '#! /bin/sh -e\necho direct\n')
    const byEnv = script('by-env', '#!/usr/bin/env -S A=1 node --no-warnings\nconsole.log(process.env.A)\n')
    const nested = script('nested', `#!${direct}\n`)
    const root = await make({ executables: [direct, byEnv, nested] })
    expect(inside(root, direct)).toBe('direct')
    expect(inside(root, byEnv)).toBe('1')
    expect(existsSync(join(root, nested))).toBe(true)
  })

  it('finds a library by RUNPATH, and says when it is missing', async () => {
    mkdirSync(join(directory, 'lib'))
    writeFileSync(join(directory, 'one.c'), 'int one(void) { return 41; }')
    writeFileSync(
      join(directory, 'main.c'),
      '#include <stdio.h>\nint one(void); int main(void) { printf("%d\\n", one() + 1); }',
    )
    const cc = (...words: string[]) => execFileSync('cc', words, { cwd: directory })
    cc('-shared', '-fPIC', 'one.c', '-o', 'lib/libone.so.1', '-Wl,-soname,libone.so.1')
    cc('main.c', 'lib/libone.so.1', '-o', 'main', '-Wl,-rpath,$ORIGIN/lib')
    const root = await make({ executables: [join(directory, 'main')] })
    // $ORIGIN comes from /proc, which a mere chroot lacks.
    const proc = ['--fork', '--pid', '--mount', `--root=${root}`, '--mount-proc', join(directory, 'main')]
    expect(execFileSync('unshare', proc, { encoding: 'utf8' })).toBe('42\n')
    rmSync(join(directory, 'lib/libone.so.1'))
    await expect(store.images.fromHost({ executables: [join(directory, 'main')] })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${directory}/main needs the library libone.so.1, which is not installed`,
    })
  })

  it('puts a program of another place into PATH', async () => {
    const program = script('tool', '#!/bin/sh\n')
    await store.images.fromHost({ executables: [program] })
    const [path] = store.images.get('host').config.Env ?? []
    expect(path?.split(':')).toContain(directory)
  })

  it('copies files and directories where they are wanted', async () => {
    const tree = join(directory, 'tree')
    mkdirSync(join(tree, 'sub'), { recursive: true })
    writeFileSync(join(tree, 'sub/file'), 'content')
    symlinkSync('sub/file', join(tree, 'link'))
    utimesSync(join(tree, 'sub/file'), 1, 2)
    writeFileSync(join(directory, 'passwd'), 'me:x:1:1::/:/bin/sh\n')
    const root = await make({
      executables: ['/bin/sh'],
      files: [
        join(tree, 'sub/file'),
        { source: tree, target: '/opt/tree' },
        { source: join(directory, 'passwd'), target: '/etc/passwd', mode: 0o600 },
        { source: join(directory, 'passwd'), target: '/bin/tool', mode: 0o755 },
      ],
      directories: ['/data', { path: '/secret', mode: 0o700 }],
    })
    expect(readFileSync(join(root, tree, 'sub/file'), 'utf8')).toBe('content')
    expect(readFileSync(join(root, 'opt/tree/link'), 'utf8')).toBe('content')
    expect(statSync(join(root, 'opt/tree/sub/file')).mtimeMs).toBe(2000)
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^me/)
    expect(statSync(join(root, 'etc/passwd')).mode & 0o777).toBe(0o600)
    expect(statSync(join(root, 'usr/bin/tool')).mode & 0o777).toBe(0o755)
    expect(statSync(join(root, 'secret')).mode & 0o777).toBe(0o700)
    expect(statSync(join(root, 'data')).isDirectory()).toBe(true)
  })

  it('takes files as a record of targets, and a configuration', async () => {
    writeFileSync(join(directory, 'app.js'), 'x')
    const config = { Entrypoint: ['/bin/sh', '-c'], Env: ['A=1'], WorkingDir: '/srv', ExposedPorts: { '80/tcp': {} } }
    const root = await make({ executables: ['/bin/sh'], files: { '/srv/app.js': join(directory, 'app.js') }, config })
    expect(readFileSync(join(root, 'srv/app.js'), 'utf8')).toBe('x')
    expect(store.images.get('host').config).toEqual({ ...config, Env: [expect.stringMatching(/^PATH=/), 'A=1'] })
  })

  it('notices a new file in a directory that it copied', async () => {
    const options = { executables: ['/bin/sh'], files: { '/srv': directory } }
    writeFileSync(join(directory, 'one'), '1')
    await store.images.fromHost(options)
    writeFileSync(join(directory, 'two'), '2')
    expect(readFileSync(join(await make(options), 'srv/two'), 'utf8')).toBe('2')
  })

  it.each([
    [
      'a program that is in no directory of PATH',
      { executables: ['nope'] },
      'FILE_NOT_FOUND',
      /"nope" was not found in \$PATH \(searched .*\/bin/,
    ],
    ['a path that does not exist', { executables: ['/nope'] }, 'FILE_NOT_FOUND', /\/nope does not exist/],
    ['a file that is not executable', { executables: ['/etc/passwd'] }, 'INVALID_OPTION', /not executable/],
    ['no program', { executables: [] }, 'INVALID_OPTION', /at least one program/],
    [
      'a file that does not exist',
      { executables: ['/bin/sh'], files: ['/nope'] },
      'FILE_NOT_FOUND',
      /\/nope does not exist/,
    ],
    ['a relative file', { executables: ['/bin/sh'], files: ['nope'] }, 'INVALID_OPTION', /must be an absolute path/],
    ['a bad name', { executables: ['/bin/sh'], reference: 'Bad' }, 'INVALID_REFERENCE', /lowercase/],
    [
      'a device',
      { executables: ['/bin/sh'], files: ['/dev/null'] },
      'INVALID_OPTION',
      /neither a file nor a directory/,
    ],
  ] as const)('refuses %s, and leaves nothing', async (_, options, code, message) => {
    await expect(store.images.fromHost(options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(store.remains()).toEqual([])
  })

  it('says which interpreter a script lacks', async () => {
    const broken = script('broken', '#!/nope/python\n')
    await expect(store.images.fromHost({ executables: [broken] })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      details: { script: broken, interpreter: '/nope/python' },
    })
  })

  it('is quick, and quicker the second time', async () => {
    const options = { executables: ['node', 'redis-server', '/bin/sh'] }
    const before = process.cpuUsage()
    await store.images.fromHost(options)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(5000)
    expect(await quickest(5, () => store.images.fromHost(options))).toBeLessThan(100)
  })
})
