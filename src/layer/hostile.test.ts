import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LayerFormat } from './extractor.js'
import { attack, hardlink, type Member, member, patched, paxHeader, symlink } from './fixture.js'

// Beside `extract.test.ts`, which has an attack of each kind: what they become when they are combined.

const kinds: Readonly<Record<string, readonly Member[]>> = {
  file: [{ name: 'x', content: 'new' }],
  directory: [
    { name: 'x', kind: 'directory', mode: 0o711 },
    { name: 'x/canary', content: 'dead' },
  ],
  symlink: [symlink('x', '../outside/canary')],
  'symlink to a directory': [symlink('x', '../outside')],
  hardlink: [hardlink('x', 'origin')],
  fifo: [{ name: 'x', kind: 'fifo' }],
  device: [{ name: 'x', kind: 'character', major: 1, minor: 3 }],
  whiteout: [{ name: '.wh.x' }],
}
const names = Object.keys(kinds)
const formats: readonly LayerFormat[] = ['overlay', 'merged']
const pairs = formats.flatMap((format) =>
  names.flatMap((below) => names.map((above) => [above, below, format] as const)),
)

describe('in one layer', () => {
  test.each(pairs)(
    'a %s over a %s is what the later says, and reaches nothing outside (%s)',
    async (above, below, format) => {
      const { outcome, target } = await attack(
        [{ name: 'origin', content: 'o' }, ...(kinds[below] ?? []), ...(kinds[above] ?? [])],
        format,
      )
      expect(outcome).toBe('extracted')
      expect(readFileSync(join(target, 'origin'), 'utf8')).toBe('o')
      // A whiteout hides what is below this layer only.
      if (above !== 'whiteout') expect(typeOf(join(target, 'x'))).toBe(above.split(' ')[0])
    },
  )

  test.each(pairs)('a %s over a %s, then a file through it, stays inside (%s)', async (above, below, format) => {
    const { target, outcome } = await attack(
      [
        { name: 'origin' },
        ...(kinds[below] ?? []),
        ...(kinds[above] ?? []),
        { name: 'x/canary', content: 'dead', mode: 0o666 },
        { name: 'x', content: 'dead', mode: 0o666 },
      ],
      format,
    )
    expect(['extracted', 'LAYER_INVALID', 'LAYER_ESCAPES']).toContain(outcome)
    if (outcome === 'extracted') expect(typeOf(join(target, 'x'))).toBe('file')
  })

  function typeOf(path: string): string {
    const stat = lstatSync(path)
    if (stat.isFile()) return stat.nlink > 1 ? 'hardlink' : 'file'
    if (stat.isDirectory()) return 'directory'
    if (stat.isSymbolicLink()) return 'symlink'
    return stat.isFIFO() ? 'fifo' : 'device'
  }
})

describe('names that an extended header or a link gives', () => {
  test.each([
    ['a PAX path that climbs', [paxHeader([['path', '../outside/canary']]), { name: 'f', content: 'dead' }]],
    ['a PAX link that climbs', [paxHeader([['linkpath', '../outside/canary']]), hardlink('f', 'g')]],
    [
      'a sparse name that climbs',
      [
        paxHeader([
          ['GNU.sparse.name', '../outside/canary'],
          ['GNU.sparse.map', '0,4'],
          ['GNU.sparse.size', '4'],
        ]),
        { name: 'f', content: 'dead' },
      ],
    ],
    ['a prefix that climbs', [patched(member({ name: 'canary', content: 'dead' }), 345, '../outside')]],
    ['a hard link to the root', [hardlink('f', '/')]],
    ['a hard link to nothing', [hardlink('f', '')]],
    ['a hard link to what comes later', [hardlink('f', 'g'), { name: 'g' }]],
    ['a hard link through a file', [{ name: 'g' }, hardlink('f', 'g/h')]],
    ['a NUL in a PAX path', [paxHeader([['path', 'f\0/../../outside/canary']]), { name: 'f', content: 'dead' }]],
  ] as [string, (Member | Buffer)[]][])('are refused: %s', async (_, members) => {
    const { outcome, files } = await attack(members)
    expect(['LAYER_ESCAPES', 'LAYER_INVALID']).toContain(outcome)
    expect(files).not.toContain('canary')
  })

  test('the last of repeated PAX headers counts, not the worst', async () => {
    const members = [paxHeader([['path', '../outside/canary']]), paxHeader([['path', 'inside']]), { name: 'f' }]
    expect(await attack(members)).toMatchObject({ outcome: 'extracted', files: ['inside'] })
  })

  test('a global PAX path is no name of any entry', async () => {
    const members = [paxHeader([['path', '../outside/canary']], 'g'), { name: 'f', content: 'x' }]
    expect(await attack(members)).toMatchObject({ outcome: 'extracted', files: ['f'] })
  })

  test.each(['../canary', '..', '/', '.'])('a symlink to %s is kept as it is, and leads nowhere', async (linkname) => {
    const { target } = await attack([symlink('l', linkname), { name: 'l/inside', content: 'x' }])
    expect(existsSync(join(target, '../inside'))).toBe(false)
  })
})

describe('whiteouts', () => {
  test.each([
    '.wh.../outside',
    '.wh.a/../../outside/canary',
    '../.wh.outside',
    '.wh./etc',
    'd/.wh..',
    'd/.wh...',
    '.wh..wh.',
  ])('%s deletes nothing outside, in a merged tree', async (name) => {
    const { outcome } = await attack([{ name: 'd/f' }, { name }], 'merged')
    expect(['extracted', 'LAYER_INVALID', 'LAYER_ESCAPES']).toContain(outcome)
  })

  test('through a directory that has become a symlink delete nothing outside', async () => {
    const members = [{ name: 'd/f' }, symlink('d', '../outside'), { name: 'd/.wh.canary' }, { name: 'd/.wh..wh..opq' }]
    expect((await attack(members, 'merged')).outcome).toBe('LAYER_INVALID')
    expect((await attack(members)).outcome).toBe('LAYER_INVALID')
  })

  test('of every kind of entry are no more than a name', async () => {
    const members: Member[] = [
      symlink('.wh.a', '../outside'),
      hardlink('.wh.b', '../../outside/canary'),
      { name: '.wh.c', kind: 'directory' },
    ]
    expect(await attack(members)).toMatchObject({ outcome: 'extracted', files: ['a', 'b', 'c'] })
  })
})
