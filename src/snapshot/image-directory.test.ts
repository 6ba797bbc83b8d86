import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { type Member, symlink } from '../layer/fixture.js'
import { chainOf, commitLayers } from './fixture.js'
import { type DriverName, openSnapshots } from './index.js'

const drivers: DriverName[] = ['overlay', 'vfs']
const directory = (name: string, init: Partial<Member> = {}): Member => ({
  name,
  kind: 'directory',
  mode: 0o755,
  ...init,
})

const layers: Member[][] = [
  [directory('data'), { name: 'data/below' }, { name: 'data/gone' }, directory('hidden'), { name: 'hidden/file' }],
  [
    directory('data', { mode: 0o2750, uid: 999, gid: 33 }),
    { name: 'data/.wh.gone' },
    { name: 'data/above' },
    directory('empty', { mode: 0o700, uid: 5 }),
    directory('hidden'),
    { name: 'hidden/.wh..wh..opq' },
    { name: 'file' },
    symlink('absolute', '/data'),
    symlink('up', '../../../../data'),
    symlink('to-file', 'file'),
    symlink('dangling', '/nowhere/yet'),
    symlink('loop', 'loop'),
    directory('many'),
    ...Array.from({ length: 65 }, (_, n) => ({ name: `many/${n}` })),
    directory('large'),
    { name: 'large/file', content: Buffer.alloc(1024 * 1024 + 1) },
  ],
]

async function openImage(driver: DriverName) {
  const snapshots = openSnapshots(temporaryDirectory(), { driver })
  return { snapshots, chain: await commitLayers(snapshots, layers) }
}

describe.each(drivers)('what an image of %s has at a path', (driver) => {
  it('is a directory with the attributes of its topmost layer', async () => {
    const { snapshots, chain } = await openImage(driver)
    const found = snapshots.directoryAt(chain, '/data')
    expect(found).toMatchObject({ mode: 0o2750, uid: 999, gid: 33, isEmpty: false, isSmall: true })
    expect(found?.source.path).toBe('data')
    expect(found?.source.layers).toHaveLength(driver === 'overlay' ? 2 : 1)
    expect(snapshots.placeAt(chain, '/data/')).toMatchObject({ kind: 'directory', mode: 0o2750 })
  })

  it('is empty when what is in it is hidden', async () => {
    const { snapshots, chain } = await openImage(driver)
    expect(snapshots.directoryAt(chain, '/empty')).toMatchObject({ isEmpty: true, isSmall: true, mode: 0o700, uid: 5 })
    expect(snapshots.directoryAt(chain, '/hidden')).toMatchObject({ isEmpty: true, isSmall: true })
  })

  it('is not small with many files, or large ones', async () => {
    const { snapshots, chain } = await openImage(driver)
    expect(snapshots.directoryAt(chain, '/many')).toMatchObject({ isEmpty: false, isSmall: false })
    expect(snapshots.directoryAt(chain, '/large')).toMatchObject({ isEmpty: false, isSmall: false })
  })

  it('is found through symlinks, which stay inside the image', async () => {
    const { snapshots, chain } = await openImage(driver)
    for (const path of ['/absolute', '/up', '/absolute/../up'])
      expect(snapshots.directoryAt(chain, path)?.source.path).toBe('data')
  })

  it('may be a file, or nothing', async () => {
    const { snapshots, chain } = await openImage(driver)
    for (const path of ['/file', '/to-file', '/data/above']) {
      expect(snapshots.placeAt(chain, path)).toEqual({ kind: 'other' })
      expect(snapshots.directoryAt(chain, path)).toBeUndefined()
    }
    for (const path of ['/dangling', '/loop', '/data/gone', '/file/below', '/hidden/file', '/not/there'])
      expect(snapshots.placeAt(chain, path)).toBeUndefined()
  })

  it('is looked up once', async () => {
    const { snapshots, chain } = await openImage(driver)
    const found = snapshots.directoryAt(chain, '/data')
    expect(snapshots.directoryAt(chain, '/data')).toBe(found)
  })

  it('cannot be told without its layers', async () => {
    const { snapshots, chain } = await openImage(driver)
    const failure = { code: 'CONTENT_NOT_FOUND' }
    expect(() => snapshots.directoryAt(chainOf(3), '/data')).toThrow(expect.objectContaining(failure))
    expect(snapshots.directoryAt(chain, '/data')).toBeDefined()
    await snapshots.remove(chain[0] as string)
    expect(() => snapshots.directoryAt(chain, '/data')).toThrow(expect.objectContaining(failure))
  })
})
