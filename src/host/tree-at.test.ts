import { closeSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDescriptors, temporaryDirectory } from './fixture.js'
import { native, O_DIRECTORY, O_PATH, OVERLAYFS_SUPER_MAGIC, RESOLVE_IN_ROOT, TMPFS_MAGIC } from './index.js'

const going = () => new Uint8Array(1)

describe('removeTreeAt', () => {
  it('removes a tree by a name of a directory, and nothing that symlinks lead to', async () => {
    const path = temporaryDirectory('/dev/shm')
    mkdirSync(join(path, 'tree/a/b'), { recursive: true })
    mkdirSync(join(path, 'kept'))
    symlinkSync(join(path, 'kept'), join(path, 'tree/a/link'))
    const directory = openSync(path, O_PATH | O_DIRECTORY)
    const before = openDescriptors()
    await native().removeTreeAt(directory, 'tree', going())
    await native().removeTreeAt(directory, 'none', going())
    expect(openDescriptors()).toBe(before)
    closeSync(directory)
    expect([existsSync(join(path, 'tree')), existsSync(join(path, 'kept'))]).toEqual([false, true])
  })

  it('stops when it is told to, and refuses what is no name', async () => {
    const path = temporaryDirectory('/dev/shm')
    for (let at = 0; at < 50; at++) mkdirSync(join(path, `tree/${at}/x`), { recursive: true })
    const directory = openSync(path, O_PATH | O_DIRECTORY)
    await expect(native().removeTreeAt(directory, 'tree', Uint8Array.of(1))).rejects.toMatchObject({
      code: 'EINTR',
    })
    expect(existsSync(join(path, 'tree'))).toBe(true)
    for (const name of ['', '.', '..'])
      await expect(native().removeTreeAt(directory, name, going())).rejects.toMatchObject({ code: 'EINVAL' })
    expect(() => native().removeTreeAt(directory, 'tree', new Uint8Array(0))).toThrow(TypeError)
    closeSync(directory)
  })
})

describe('openBelow', () => {
  it('opens inside the root when asked to, and tells the filesystem', async () => {
    const path = temporaryDirectory('/dev/shm')
    writeFileSync(join(path, 'passwd'), 'inside')
    symlinkSync('/../passwd', join(path, 'link'))
    const directory = openSync(path, O_PATH | O_DIRECTORY)
    const before = openDescriptors()
    const [fd, filesystem] = await native().openBelow(directory, 'link', O_PATH, 0, RESOLVE_IN_ROOT)
    expect([TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC]).toContain(filesystem)
    closeSync(fd)
    await expect(native().openBelow(directory, 'none', O_PATH, 0, 0)).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'openat2',
      path: 'none',
    })
    expect(openDescriptors()).toBe(before)
    closeSync(directory)
  })
})
