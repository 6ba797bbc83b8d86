import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDescriptors, temporaryDirectory } from './fixture.js'
import { native } from './index.js'

describe('treeSize', () => {
  it('sums what files have, one with several names once, and symlinks themselves', async () => {
    const path = temporaryDirectory()
    mkdirSync(join(path, 'a/b'), { recursive: true })
    writeFileSync(join(path, 'a/file'), 'x'.repeat(1000))
    linkSync(join(path, 'a/file'), join(path, 'a/b/again'))
    symlinkSync('/usr/share', join(path, 'a/link'))
    writeFileSync(join(path, 'sparse'), '')
    truncateSync(join(path, 'sparse'), 5_000_000_000)
    expect(await native().treeSize(path)).toBe(1000 + '/usr/share'.length + 5_000_000_000)
  })

  it('is 0 for what is not there, and refuses what is no directory', async () => {
    const path = temporaryDirectory()
    symlinkSync('/usr', join(path, 'link'))
    expect(await native().treeSize(join(path, 'missing'))).toBe(0)
    await expect(native().treeSize(join(path, 'link'))).rejects.toMatchObject({ code: 'ENOTDIR', syscall: 'open' })
  })

  it('goes through wide and deep trees, and gives its descriptors back', async () => {
    const path = temporaryDirectory('/dev/shm')
    for (let at = 0; at < 200; at++) {
      mkdirSync(join(path, `d${at}/inner`), { recursive: true })
      writeFileSync(join(path, `d${at}/inner/f`), '12')
    }
    const deep = join(path, ...Array.from({ length: 500 }, () => 'd'))
    mkdirSync(deep, { recursive: true })
    writeFileSync(join(deep, 'f'), '123')
    const before = openDescriptors()
    expect(await native().treeSize(path)).toBe(403)
    expect(openDescriptors()).toBe(before)
  })
})
