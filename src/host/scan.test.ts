import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { closing, openDescriptors, temporaryDirectory } from './fixture.js'
import { AT_FDCWD, fingerprintOf, native, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, unpackScan } from './index.js'

const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS

async function scan(root: number, path = '.', maxEntries = 1000) {
  const found = unpackScan(await native().scanDirectory(root, path, beneath, maxEntries))
  return new Map(found.map((entry) => [entry.nameBytes.toString('latin1'), entry]))
}

test('a scan says of each name what stat says', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'f'), 'content', { mode: 0o640 })
  native().utimesAt(AT_FDCWD, join(directory, 'f'), [-2, 500_000_000], [-2, 500_000_000])
  mkdirSync(join(directory, 'directory'))
  symlinkSync('x'.repeat(4000), join(directory, 'l'))
  execFileSync('mknod', [join(directory, 'device'), 'c', '4', '64'])
  linkSync(join(directory, 'f'), join(directory, 'n'.repeat(255)))
  const found = await scan(closing(openSync(directory, 'r')))
  expect([...found.keys()].sort()).toEqual(['device', 'directory', 'f', 'l', 'n'.repeat(255)])
  const file = found.get('f') as NonNullable<ReturnType<typeof found.get>>
  const { mode, uid, gid } = statSync(join(directory, 'f'))
  expect([file.mode, file.uid, file.gid, file.size]).toEqual([mode, uid, gid, 7])
  expect(file.mtime).toEqual([-2, 500_000_000])
  expect(found.get('l')?.targetBytes.toString()).toBe('x'.repeat(4000))
  expect([found.get('device')?.rdevMajor, found.get('device')?.rdevMinor]).toEqual([4, 64])
  const fd = closing(openSync(join(directory, 'f'), 'r'))
  expect(file.hasFingerprint(fingerprintOf(fd), 0)).toBe(true)
  expect(found.get('n'.repeat(255))?.isSame(file)).toBe(true)
  writeFileSync(join(directory, 'f'), 'Content')
  expect(file.hasFingerprint(fingerprintOf(fd), 0)).toBe(false)
})

test('a scan keeps names that are not UTF-8', async () => {
  const directory = temporaryDirectory('/dev/shm')
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x0a, 0x80])]), '')
  expect([...(await scan(closing(openSync(directory, 'r')))).keys()]).toEqual(['\xff\n\x80'])
})

test('a scan follows no symlink, enters no file, keeps its limit, and gives its descriptors back', async () => {
  const directory = temporaryDirectory('/dev/shm')
  mkdirSync(join(directory, 'd'))
  for (let at = 0; at < 20; at++) writeFileSync(join(directory, 'd', `${at}`), '')
  symlinkSync('d', join(directory, 'link'))
  const root = closing(openSync(directory, 'r'))
  const before = openDescriptors()
  expect((await scan(root, 'd', 20)).size).toBe(20)
  await expect(scan(root, 'd', 19)).rejects.toMatchObject({ code: 'E2BIG' })
  await expect(scan(root, 'link')).rejects.toMatchObject({ code: 'ENOTDIR' })
  await expect(scan(root, 'link/.')).rejects.toMatchObject({ code: 'ELOOP' })
  await expect(scan(root, 'd/3')).rejects.toMatchObject({ code: 'ENOTDIR' })
  await expect(scan(root, '..')).rejects.toMatchObject({ code: 'EXDEV' })
  await expect(scan(root, 'none')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'openat2' })
  expect(openDescriptors()).toBe(before)
})
