import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { failureOf, temporaryDirectory } from './fixture.js'
import { MNT_DETACH, MS, native } from './index.js'

/** A directory with a tmpfs on it. */
async function mounted(data = 'size=64k,mode=750'): Promise<string> {
  const path = join(temporaryDirectory(), 'at')
  mkdirSync(path)
  await native().mount('tmpfs', path, 'tmpfs', MS.NOSUID, data)
  onTestFinished(async () => {
    while (native().mountedAt(path)) await native().unmount(path, MNT_DETACH)
  })
  return path
}

describe('mount and unmount', () => {
  it('mount a filesystem with its options, and take it away again', async () => {
    const path = await mounted()
    expect(native().statAt(-100, path)?.mode).toBe(0o40750)
    writeFileSync(join(path, 'file'), 'in memory')
    await native().unmount(path, 0)
    expect(native().mountedAt(path)).toBeUndefined()
    expect(native().isEmptyDirectory(path)).toBe(true)
  })

  it('change what is mounted', async () => {
    const path = await mounted()
    await native().mount('', path, '', MS.BIND | MS.REMOUNT | MS.RDONLY, '')
    expect(failureOf(() => writeFileSync(join(path, 'file'), '')).code).toBe('EROFS')
  })

  it('reject with what the kernel says', async () => {
    const path = temporaryDirectory()
    await expect(native().mount('x', path, 'nosuchfs', 0, '')).rejects.toMatchObject({
      code: 'ENODEV',
      syscall: 'mount',
      path,
    })
    await expect(native().mount('tmpfs', join(path, 'missing'), 'tmpfs', 0, '')).rejects.toMatchObject({
      code: 'ENOENT',
    })
    await expect(native().unmount(path, 0)).rejects.toMatchObject({ code: 'EINVAL', syscall: 'umount2', path })
    await expect(async () => native().mount('a\0b', path, 'tmpfs', 0, '')).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('mountedAt', () => {
  it('tells the roots of mounts from what is in them, and from links to them', async () => {
    const path = await mounted()
    mkdirSync(join(path, 'below'))
    symlinkSync(path, `${path}-link`)
    const { dev } = native().statAt(-100, path) as { dev: number }
    const { major, minor } = native().mountedAt(path) as { major: number; minor: number }
    expect((BigInt(minor) & 0xffn) | (BigInt(major) << 8n) | (BigInt(minor & ~0xff) << 12n)).toBe(BigInt(dev))
    expect(native().mountedAt(join(path, 'below'))).toBeUndefined()
    expect(native().mountedAt(`${path}-link`)).toBeUndefined()
  })

  it('tells a bind of what is on the same filesystem, and of a file', async () => {
    const path = await mounted()
    mkdirSync(join(path, 'from'))
    for (const name of ['to', 'file']) writeFileSync(join(path, 'from', name), name)
    mkdirSync(join(path, 'to'))
    writeFileSync(join(path, 'file'), '')
    await native().mount(join(path, 'from'), join(path, 'to'), '', MS.BIND, '')
    await native().mount(join(path, 'from/file'), join(path, 'file'), '', MS.BIND, '')
    expect([native().mountedAt(join(path, 'to')), native().mountedAt(join(path, 'file'))]).toEqual([
      native().mountedAt(path),
      native().mountedAt(path),
    ])
  })

  it('is nothing where there is nothing', () => {
    const path = temporaryDirectory()
    writeFileSync(join(path, 'file'), '')
    expect([native().mountedAt(join(path, 'missing')), native().mountedAt(join(path, 'file/x'))]).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('isEmptyDirectory', () => {
  it('sees any entry, hidden ones and links to nothing too', () => {
    const path = temporaryDirectory()
    expect(native().isEmptyDirectory(path)).toBe(true)
    symlinkSync('nowhere', join(path, '.hidden'))
    expect(native().isEmptyDirectory(path)).toBe(false)
  })

  it('sees a name of the longest kind', () => {
    const path = temporaryDirectory()
    writeFileSync(join(path, 'n'.repeat(255)), '')
    expect(native().isEmptyDirectory(path)).toBe(false)
  })

  it('refuses what is no directory, or not there', () => {
    const path = temporaryDirectory()
    writeFileSync(join(path, 'file'), '')
    expect(failureOf(() => native().isEmptyDirectory(join(path, 'file'))).code).toBe('ENOTDIR')
    expect(failureOf(() => native().isEmptyDirectory(join(path, 'missing')))).toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
      path: join(path, 'missing'),
    })
  })
})
