import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { binaries } from './addon.js'
import { openDescriptors, temporaryDirectory } from './fixture.js'
import { AT_FDCWD, native, O_DIRECTORY } from './index.js'

/** Nests directories by descriptor: their path is longer than any system call takes. */
function nest(path: string, depth: number): void {
  mkdirSync(path)
  let directory = native().openat2(AT_FDCWD, path, O_DIRECTORY, 0, 0)
  for (let level = 0; level < depth; level++) {
    native().mkdirat(directory, 'd', 0o755)
    native().symlinkat('x', directory, 'f')
    const below = native().openat2(directory, 'd', O_DIRECTORY, 0, 0)
    closeSync(directory)
    directory = below
  }
  closeSync(directory)
}

const chattr = (flag: string, path: string) => execFileSync('chattr', [flag, path])

describe('removeTree', () => {
  it('removes 5,000 nested directories with a handful of descriptors', async () => {
    const path = join(temporaryDirectory('/dev/shm'), 'deep')
    nest(path, 5000)
    const before = openDescriptors()
    await native().removeTree(path)
    expect(existsSync(path)).toBe(false)
    expect(openDescriptors()).toBe(before)
  })

  it('removes wide trees', async () => {
    const path = join(temporaryDirectory('/dev/shm'), 'wide')
    for (let i = 0; i < 300; i++) {
      mkdirSync(join(path, `d${i}`), { recursive: true })
      for (let k = 0; k < 5; k++) writeFileSync(join(path, `d${i}`, `f${k}`), '')
    }
    await native().removeTree(`${path}//`)
    expect(existsSync(path)).toBe(false)
  })

  it('removes symlinks, not what they lead to, at every level', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'kept'))
    writeFileSync(join(directory, 'kept', 'canary'), 'alive')
    mkdirSync(join(directory, 'tree', 'inner'), { recursive: true })
    symlinkSync(join(directory, 'kept'), join(directory, 'tree', 'inner', 'link'))
    symlinkSync(join(directory, 'kept'), join(directory, 'top'))
    await native().removeTree(join(directory, 'tree'))
    await native().removeTree(join(directory, 'top'))
    expect(readdirSync(directory)).toEqual(['kept'])
    expect(readFileSync(join(directory, 'kept', 'canary'), 'utf8')).toBe('alive')
  })

  it('removes a single file, and takes what is missing for removed', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'f'), '')
    await native().removeTree(join(directory, 'f'))
    await native().removeTree(join(directory, 'f'))
    await native().removeTree(join(directory, 'none', 'f'))
    expect(readdirSync(directory)).toEqual([])
  })

  it('removes names that are not UTF-8, and directories that forbid it', async () => {
    const path = join(temporaryDirectory(), 'tree')
    mkdirSync(join(path, 'closed', 'inner'), { recursive: true })
    writeFileSync(Buffer.concat([Buffer.from(`${path}/closed/inner/`), Buffer.from([0xff])]), '')
    execFileSync('chmod', ['0', join(path, 'closed', 'inner'), join(path, 'closed')])
    await native().removeTree(path)
    expect(existsSync(path)).toBe(false)
  })

  it('removes directories that forbid it to a user without privileges', () => {
    const directory = temporaryDirectory()
    const [path, addon] = [join(directory, 'tree'), join(directory, 'inboard.node')]
    mkdirSync(join(path, 'closed', 'inner'), { recursive: true })
    execFileSync('chmod', ['0', join(path, 'closed', 'inner'), join(path, 'closed')])
    cpSync(join(binaries().directory, 'inboard.node'), addon)
    execFileSync('chown', ['-R', '65534:65534', directory])
    const program = 'require(process.argv[1]).removeTree(process.argv[2])'
    execFileSync(process.execPath, ['-e', program, addon, path], { cwd: '/', uid: 65534, gid: 65534 })
    expect(existsSync(path)).toBe(false)
  })

  it('stops at a mount, also of the same filesystem, and says so', async () => {
    const directory = temporaryDirectory()
    const [tree, outside] = [join(directory, 'tree'), join(directory, 'outside')]
    mkdirSync(join(tree, 'mount'), { recursive: true })
    mkdirSync(outside)
    writeFileSync(join(outside, 'canary'), 'alive')
    writeFileSync(join(tree, 'file'), '')
    execFileSync('mount', ['--bind', outside, join(tree, 'mount')])
    onTestFinished(() => void execFileSync('umount', [join(tree, 'mount')]))
    await expect(native().removeTree(tree)).rejects.toMatchObject({ code: 'EXDEV', path: join(tree, 'mount') })
    expect(readFileSync(join(outside, 'canary'), 'utf8')).toBe('alive')
    expect(readdirSync(tree)).toEqual(['mount'])
  })

  it('removes all that it can and reports the first that it cannot', async () => {
    const path = join(temporaryDirectory(), 'tree')
    mkdirSync(join(path, 'a'), { recursive: true })
    mkdirSync(join(path, 'b'))
    writeFileSync(join(path, 'a', 'immutable'), '')
    writeFileSync(join(path, 'b', 'f'), '')
    chattr('+i', join(path, 'a', 'immutable'))
    onTestFinished(() => void chattr('-i', join(path, 'a', 'immutable')))
    const removed = native().removeTree(path)
    await expect(removed).rejects.toMatchObject({
      code: 'EPERM',
      syscall: 'unlinkat',
      path: join(path, 'a', 'immutable'),
    })
    expect(readdirSync(path)).toEqual(['a'])
  })

  it('refuses paths that name no entry of a directory', async () => {
    for (const path of ['', '/', '.', '/tmp/..', '/tmp/.']) {
      await expect(native().removeTree(path)).rejects.toMatchObject({ code: 'EINVAL' })
    }
  })
})
