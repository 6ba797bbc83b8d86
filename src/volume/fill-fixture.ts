import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AT_FDCWD, native, S_IFCHR, S_IFIFO } from '../host/index.js'
import { describeTree } from '../layer/fixture.js'
import { smallExtent, type TreeSource } from '../layer/index.js'
import type { FillSource } from './fill.js'

/** For tests: what a fill takes of a directory of an image. */
export function fillSource(layers: readonly string[], path = ''): FillSource {
  const source: TreeSource = { layers, format: 'overlay', path }
  const extent = smallExtent(source)
  return { source, isEmpty: extent?.entries === 0, isSmall: extent !== undefined }
}

/** For tests: two layers, top first, that have `data` with all kinds of files; its times and those of others are old. */
export function imageWithData(base: string): string[] {
  const addon = native()
  const [top, bottom] = [join(base, 'top'), join(base, 'bottom')]
  mkdirSync(join(bottom, 'data/conf'), { recursive: true })
  mkdirSync(join(top, 'data/conf'), { recursive: true })
  for (const name of ['data/below', 'data/gone', 'data/conf/old']) writeFileSync(join(bottom, name), name)
  for (const name of ['data/above', 'data/conf/new', 'data/.hidden']) writeFileSync(join(top, name), name)
  linkSync(join(top, 'data/above'), join(top, 'data/conf/linked'))
  symlinkSync('/etc/passwd', join(top, 'data/link'))
  addon.mknodat(AT_FDCWD, join(top, 'data/gone'), S_IFCHR, 0, 0)
  addon.mknodat(AT_FDCWD, join(top, 'data/fifo'), S_IFIFO | 0o620, 0, 0)
  addon.setxattrAt(AT_FDCWD, join(top, 'data/above'), 'trusted.kept', Buffer.from('value'))
  addon.setxattrAt(AT_FDCWD, join(top, 'data'), 'trusted.top', Buffer.from('value'))
  addon.chownAt(AT_FDCWD, join(top, 'data'), 999, 1000)
  addon.chmodAt(AT_FDCWD, join(top, 'data'), 0o2750)
  addon.utimesAt(AT_FDCWD, join(top, 'data/conf'), [1, 2], [1_500_000_000, 7])
  addon.utimesAt(AT_FDCWD, join(top, 'data'), [1, 2], [1_400_000_000, 5])
  return [top, bottom]
}

/** For tests: a volume `_data` in a directory of its own. */
export function emptyVolume(base: string, name = 'volume') {
  const staging = join(base, name)
  const target = join(staging, '_data')
  mkdirSync(target, { recursive: true })
  return { staging, target, names: () => describeTree(target).map((line) => line.split(' ')[0]) }
}

/** For tests: a whole directory, its own attributes too. */
export function describeVolume(path: string): string[] {
  const parent = describeTree(join(path, '..'))
  const name = path.slice(path.lastIndexOf('/') + 1)
  return parent.flatMap((line) =>
    line.startsWith(`${name} `) || line.startsWith(`${name}/`) ? [line.slice(name.length)] : [],
  )
}
