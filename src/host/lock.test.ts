import { fork } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { binaries } from './addon.js'
import { closing, failureOf, temporaryDirectory } from './fixture.js'
import { native } from './index.js'

describe('makeLockedDirectory', () => {
  it('makes a private directory whose lock is held until the descriptor is closed', () => {
    const path = join(temporaryDirectory(), 'run')
    const lock = native().makeLockedDirectory(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(path, 'lock')).mode & 0o777).toBe(0o600)
    expect(readdirSync(path)).toEqual(['lock'])
    expect(native().isLocked(join(path, 'lock'))).toBe(true)
    closeSync(lock)
    expect(native().isLocked(join(path, 'lock'))).toBe(false)
  })

  it('leaves an existing directory alone', () => {
    const path = temporaryDirectory()
    writeFileSync(join(path, 'kept'), '')
    expect(failureOf(() => native().makeLockedDirectory(path))).toMatchObject({
      code: 'EEXIST',
      syscall: 'renameat2',
      path,
    })
    expect(readdirSync(path)).toEqual(['kept'])
  })

  it('reports a parent that is missing', () => {
    const path = join(temporaryDirectory(), 'none', 'run')
    expect(failureOf(() => native().makeLockedDirectory(path)).code).toBe('ENOENT')
    expect(existsSync(path)).toBe(false)
  })
})

describe('makeLockedFile', () => {
  it('makes a private file with its content, and what is written through its lock comes behind that', () => {
    const path = join(temporaryDirectory(), 'record')
    const lock = native().makeLockedFile(path, 'é\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(native().isLocked(path)).toBe(true)
    writeSync(lock, 'more')
    closeSync(lock)
    expect(readFileSync(path, 'utf8')).toBe('é\nmore')
    expect(native().isLocked(path)).toBe(false)
  })

  it('leaves an existing file alone, and nothing beside it', () => {
    const path = join(temporaryDirectory(), 'record')
    writeFileSync(path, 'kept')
    expect(failureOf(() => native().makeLockedFile(path, 'new'))).toMatchObject({ code: 'EEXIST', path })
    expect(readFileSync(path, 'utf8')).toBe('kept')
    expect(readdirSync(dirname(path))).toEqual(['record'])
  })

  it('reports a parent that is missing', () => {
    const path = join(temporaryDirectory(), 'none', 'record')
    expect(failureOf(() => native().makeLockedFile(path, '')).code).toBe('ENOENT')
  })
})

describe('flock', () => {
  it('excludes other descriptions of the file, but not other readers of it', () => {
    const path = join(temporaryDirectory(), 'lock')
    writeFileSync(path, '')
    const [one, other] = [closing(openSync(path, 'r')), closing(openSync(path, 'r'))]
    expect(native().flock(one, 'shared', false)).toBe(true)
    expect(native().flock(other, 'shared', false)).toBe(true)
    expect(native().flock(other, 'exclusive', false)).toBe(false)
    expect(native().flock(one, 'unlock', false)).toBe(true)
    expect(native().flock(other, 'exclusive', true)).toBe(true)
    expect(native().flock(one, 'shared', false)).toBe(false)
  })

  it('refuses an unknown kind and a closed descriptor', () => {
    expect(failureOf(() => native().flock(0, 'mine' as 'shared', false)).code).toBe('EINVAL')
    expect(failureOf(() => native().flock(999_999, 'shared', false))).toMatchObject({ code: 'EBADF', syscall: 'flock' })
  })
})

describe('isLocked', () => {
  it('is undefined for a file that is not there', () => {
    const path = temporaryDirectory()
    mkdirSync(join(path, 'd'))
    expect(native().isLocked(join(path, 'd', 'lock'))).toBeUndefined()
  })

  it('sees the lock of another process, and that it is gone with the process', async () => {
    const path = join(temporaryDirectory(), 'run')
    const program = `
      require(process.argv[1]).makeLockedDirectory(process.argv[2])
      process.send('locked')
      setInterval(() => undefined, 1000)`
    const addon = join(binaries().directory, 'inboard.node')
    const holder = fork('-e', [], { execArgv: ['-e', program, addon, path], stdio: 'inherit' })
    await new Promise((resolve) => holder.once('message', resolve))
    expect(native().isLocked(join(path, 'lock'))).toBe(true)
    holder.kill('SIGKILL')
    await new Promise((resolve) => holder.once('exit', resolve))
    expect(native().isLocked(join(path, 'lock'))).toBe(false)
  })
})

describe('readLockedDirectory', () => {
  it('tells of the lock, and what files say', () => {
    const path = join(temporaryDirectory(), 'run')
    const lock = native().makeLockedDirectory(path)
    const long = 'é'.repeat(5000)
    writeFileSync(join(path, 'state'), long)
    writeFileSync(join(path, 'empty'), '')
    expect(native().readLockedDirectory(path, ['state', 'exit', 'empty'])).toEqual([true, long, undefined, ''])
    closeSync(lock)
    expect(native().readLockedDirectory(path, [])).toEqual([false])
  })

  it('tells of no lock and no texts where there is nothing', () => {
    expect(native().readLockedDirectory(join(temporaryDirectory(), 'd'), ['state'])).toEqual([false, undefined])
  })

  it('follows no symlink, and reads no more than 64 KiB', () => {
    const path = temporaryDirectory()
    symlinkSync('/etc/passwd', join(path, 'state'))
    writeFileSync(join(path, 'exit'), 'x'.repeat(70_000))
    const read = (name: string) => failureOf(() => native().readLockedDirectory(path, [name]))
    expect(read('state')).toMatchObject({ code: 'ELOOP', syscall: 'open', path: join(path, 'state') })
    expect(read('exit')).toMatchObject({ code: 'EFBIG', path: join(path, 'exit') })
  })
})
