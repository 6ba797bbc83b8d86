import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { closing, failureOf, openDescriptors, temporaryDirectory } from './fixture.js'
import { native, O_APPEND, O_CREAT, O_RDWR } from './index.js'

describe('memfdSealed', () => {
  it('holds the data for ever, and can be executed', () => {
    const memfd = closing(native().memfdSealed('name', Buffer.from('data')))
    const path = `/proc/self/fd/${memfd}`
    expect(readFileSync(path, 'utf8')).toBe('data')
    expect(statSync(path).mode & 0o7777).toBe(0o500)
    expect(failureOf(() => writeSync(memfd, 'x')).code).toBe('EPERM')
    expect(failureOf(() => openSync(path, O_RDWR | 0o1000)).code).toBe('EPERM')
  })

  it('refuses what is not bytes', () => {
    const call = native().memfdSealed as (...args: unknown[]) => number
    expect(failureOf(() => call('name', 'text'))).toBeInstanceOf(TypeError)
    expect(failureOf(() => call('name', new Float64Array(1)))).toBeInstanceOf(TypeError)
  })

  it('leaves no descriptor when it fails', () => {
    const before = openDescriptors()
    expect(failureOf(() => native().memfdSealed('x'.repeat(300), Buffer.alloc(1)))).toMatchObject({
      code: 'EINVAL',
      syscall: 'memfd_create',
    })
    expect(openDescriptors()).toBe(before)
  })
})

describe('pidfd', () => {
  it('signals a process, and says when there is none', () => {
    const self = closing(native().pidfdOpen(process.pid))
    native().pidfdSignal(self, 0)
    expect(failureOf(() => native().pidfdSignal(self, 1000))).toMatchObject({
      code: 'EINVAL',
      syscall: 'pidfd_send_signal',
    })
    expect(failureOf(() => native().pidfdOpen(4_194_304))).toMatchObject({ syscall: 'pidfd_open' })
  })
})

describe('pipe', () => {
  it('is a close-on-exec pair, read end first', () => {
    const [readEnd, writeEnd] = native().pipe().map(closing) as [number, number]
    writeSync(writeEnd, 'through')
    const buffer = Buffer.alloc(16)
    expect(buffer.toString('utf8', 0, readSync(readEnd, buffer))).toBe('through')
    for (const end of [readEnd, writeEnd]) {
      expect(readFileSync(`/proc/self/fdinfo/${end}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m)
    }
  })
})

describe('copyRange', () => {
  function target(flags = O_RDWR | O_CREAT): { path: string; descriptor: number } {
    const path = join(temporaryDirectory(), 'target')
    return { path, descriptor: closing(openSync(path, flags)) }
  }

  it('copies as many bytes as asked for, or to the end', () => {
    const { path, descriptor } = target()
    const source = `${path}.source`
    writeFileSync(source, 'x'.repeat(300_000))
    const from = closing(openSync(source, 'r'))
    expect(native().copyRange(from, descriptor, 100_000)).toBe(100_000)
    expect(native().copyRange(from, descriptor, Number.POSITIVE_INFINITY)).toBe(200_000)
    expect(native().copyRange(from, descriptor, 1)).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe('x'.repeat(300_000))
  })

  it('copies from filesystems whose files have no size, and to files that are appended to', () => {
    const { path, descriptor } = target(O_RDWR | O_CREAT | O_APPEND)
    const from = closing(openSync('/proc/self/mountinfo', 'r'))
    native().copyRange(from, descriptor, Number.MAX_SAFE_INTEGER)
    expect(readFileSync(path, 'utf8')).toBe(readFileSync('/proc/self/mountinfo', 'utf8'))
  })

  it('copies what is at an offset to the same offset, wherever the files are read and written next', () => {
    const { path, descriptor } = target()
    const source = `${path}.source`
    writeFileSync(source, '0123456789')
    const from = closing(openSync(source, 'r'))
    expect(native().copyRange(from, descriptor, 3, 6)).toBe(3)
    expect(native().copyRange(from, descriptor, 2, 0)).toBe(2)
    expect(readFileSync(path, 'latin1')).toBe('01\0\0\0\x00678')
    expect(failureOf(() => native().copyRange(closing(native().pipe()[0]), descriptor, 1, 0)).code).toBe('ESPIPE')
  })

  it('copies from one filesystem to another', () => {
    const { path, descriptor } = target()
    const memfd = closing(native().memfdSealed('source', Buffer.from('from memory')))
    const from = closing(openSync(`/proc/self/fd/${memfd}`, 'r'))
    expect(native().copyRange(from, descriptor, 4)).toBe(4)
    expect(readFileSync(path, 'utf8')).toBe('from')
  })

  it('reports what fails', () => {
    const full = closing(openSync('/dev/full', 'w'))
    const from = closing(openSync('/proc/version', 'r'))
    expect(failureOf(() => native().copyRange(from, full, 10)).code).toBe('ENOSPC')
    expect(failureOf(() => native().copyRange(999_999, full, 10)).code).toBe('EBADF')
  })
})

describe('syncfs', () => {
  it('resolves when the filesystem is written, though the descriptor is closed meanwhile', async () => {
    const descriptor = openSync('/dev/shm', 'r')
    const synced = native().syncfs(descriptor)
    closeSync(descriptor)
    expect(await synced).toBeUndefined()
  })

  it('rejects a descriptor that is not open', async () => {
    await expect(native().syncfs(999_999)).rejects.toMatchObject({ code: 'EBADF', syscall: 'syncfs' })
  })
})

it('geteuid is the effective user id', () => {
  expect(native().geteuid()).toBe(process.geteuid?.())
})
