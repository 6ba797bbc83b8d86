import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LayerError } from '../errors/index.js'
import { archive, extension, member, patched, paxHeader } from './fixture.js'
import type { TarEntry, TarLimits } from './tar-entry.js'
import { TarReader } from './tar-reader.js'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.js'

interface ReadEntry extends TarEntry {
  content: Buffer
}

/** Reads an archive in chunks of a given size; sparse files are filled with zeros. */
function read(
  bytes: Buffer,
  { chunk = bytes.length || 1, ...limits }: TarLimits & { chunk?: number } = {},
): ReadEntry[] {
  const entries: ReadEntry[] = []
  const reader = new TarReader(
    {
      entry: (entry) => entries.push({ ...entry, content: Buffer.alloc(Math.min(entry.size, 1 << 20)) }),
      data: (data, position) => data.copy(entries.at(-1)?.content as Buffer, position),
      end() {},
    },
    limits,
  )
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk))
  reader.finish()
  return entries
}

function codeOf(act: () => unknown): string {
  try {
    act()
    return 'no error'
  } catch (error) {
    return error instanceof LayerError ? error.code : String(error)
  }
}

describe('what the writer writes, the reader reads', () => {
  const bigUid = 3_000_000
  const members = [
    { name: 'usr', kind: 'directory' as const, mode: 0o1755 },
    { name: 'usr/empty' },
    {
      name: 'usr/file',
      content: 'hello',
      mode: 0o4755,
      uid: 1000,
      gid: bigUid,
      mtime: [1_700_000_000, 123_456_789] as const,
    },
    { name: `usr/${'long/'.repeat(80)}name`, content: Buffer.alloc(1500, 'x') },
    { name: 'usr/link', kind: 'symlink' as const, linkname: `../${'t'.repeat(300)}` },
    { name: 'usr/hard', kind: 'hardlink' as const, linkname: 'usr/file' },
    { name: 'usr/null', kind: 'character' as const, major: 1, minor: 3 },
    { name: 'usr/disk', kind: 'block' as const, major: 259, minor: 70_000 },
    { name: 'usr/fifo', kind: 'fifo' as const },
    {
      name: 'usr/caps',
      xattrs: new Map([['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]]),
    },
    { name: 'usr/\udcff\udcfe-latin', content: '1' },
    { name: 'usr/before-1970', mtime: [-2, 500_000_000] as const },
  ]

  test.each([1, 7, 511, 512, 513, 4096, 1 << 20])('in chunks of %i bytes', (chunk) => {
    const entries = read(archive(...members), { chunk })
    expect(
      entries.map(({ name, kind, mode, uid, gid, size, mtime, linkname, major, minor }) => ({
        name,
        kind,
        mode,
        uid,
        gid,
        size,
        mtime,
        linkname,
        major,
        minor,
      })),
    ).toEqual(
      members.map(({ name, ...rest }) => ({
        kind: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 'content' in rest ? (rest.content as string).length : 0,
        mtime: [1_700_000_000, 0],
        linkname: '',
        major: 0,
        minor: 0,
        ...Object.fromEntries(Object.entries(rest).filter(([key]) => key !== 'content' && key !== 'xattrs')),
        name: 'kind' in rest && rest.kind === 'directory' ? `${name}/` : name,
      })),
    )
    expect(entries[2]?.content.toString()).toBe('hello')
    expect(entries[3]?.content).toEqual(Buffer.alloc(1500, 'x'))
    expect(entries[9]?.xattrs.get('security.capability')?.toString('hex')).toBe(
      '0100000200200000000000000000000000000000',
    )
  })

  test('the same entries give the same bytes', () => {
    expect(archive(...members)).toEqual(archive(...members))
  })

  test('whatever names and numbers an entry has', () => {
    const text = fc
      .string({ minLength: 1, maxLength: 300, unit: 'binary' })
      .filter((name) => !/[\0\ud800-\udfff]/.test(name) && !name.endsWith('/'))
    const entry = fc.record({
      name: text,
      uid: fc.nat(0xfffffffe),
      gid: fc.nat(0xfffffffe),
      mtime: fc.tuple(fc.integer(), fc.nat(999_999_999)),
      content: fc.string({ maxLength: 2000 }),
    })
    fc.assert(
      fc.property(entry, fc.integer({ min: 1, max: 3000 }), (init, chunk) => {
        const [result] = read(archive(init), { chunk })
        expect({
          name: result?.name,
          uid: result?.uid,
          gid: result?.gid,
          mtime: result?.mtime,
          content: result?.content,
        }).toEqual({ ...init, content: Buffer.from(init.content) })
      }),
      { numRuns: 300 },
    )
  })
})

describe('dialects', () => {
  test('GNU long names and links', () => {
    const long = (type: string, text: string) =>
      Buffer.concat([
        patched(tarHeader({ kind: 'file', name: '././@LongLink', mode: 0, size: text.length + 1 }), 156, type),
        Buffer.from(`${text}\0`),
        tarPadding(text.length + 1),
      ])
    const name = 'n'.repeat(700)
    const linkname = 'l'.repeat(600)
    const [entry] = read(
      archive(long('K', linkname), long('L', name), { name: 'short', kind: 'symlink', linkname: 'x' }),
    )
    expect([entry?.name, entry?.linkname]).toEqual([name, linkname])
  })

  test('base-256 numbers', () => {
    const header = patched(member({ name: 'f' }), 108, Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]))
    expect(read(archive(header))[0]?.uid).toBe(0xfffffffe)
  })

  test('negative base-256 times', () => {
    const header = patched(member({ name: 'f' }), 136, Buffer.alloc(12, 0xff))
    expect(read(archive(header))[0]?.mtime).toEqual([-1, 0])
  })

  test('V7 directories, told by their trailing slash', () => {
    const header = patched(
      patched(patched(member({ name: 'dir/' }), 257, Buffer.alloc(8)), 156, '\0'),
      345,
      Buffer.alloc(10),
    )
    expect(read(archive(header))[0]?.kind).toBe('directory')
  })

  test('PAX records override the header, and empty ones do not', () => {
    const records = paxHeader([
      ['path', 'pax/name'],
      ['uid', '5000000'],
      ['mtime', '1.5'],
      ['atime', '2.000000001'],
      ['gid', ''],
    ])
    const [entry] = read(archive(records, { name: 'x', gid: 7 }))
    expect(entry).toMatchObject({ name: 'pax/name', uid: 5_000_000, gid: 7, mtime: [1, 500_000_000], atime: [2, 1] })
  })

  test('a PAX size is the payload that is skipped', () => {
    const header = patched(tarHeader({ kind: 'file', name: 'f', mode: 0o644, size: 3 }), 124, '00000000000\0')
    const entries = read(
      archive(paxHeader([['size', '3']]), header, Buffer.concat([Buffer.from('abc'), tarPadding(3)]), { name: 'g' }),
    )
    expect(entries.map(({ name, content }) => [name, content.toString()])).toEqual([
      ['f', 'abc'],
      ['g', ''],
    ])
  })

  test('extended attributes as libarchive writes them', () => {
    const [entry] = read(archive(paxHeader([['LIBARCHIVE.xattr.user.a%20b', 'AAH/']]), { name: 'f' }))
    expect(entry?.xattrs.get('user.a b')).toEqual(Buffer.from([0, 1, 255]))
  })

  test('global PAX records are ignored, as by Docker', () => {
    expect(read(archive(paxHeader([['uid', '77']], 'g'), { name: 'f' }))[0]?.uid).toBe(0)
  })

  test('a directory or link has no payload, whatever its size says', () => {
    const header = patched(tarHeader({ kind: 'directory', name: 'd', mode: 0o755 }), 124, '00000001000\0')
    expect(read(archive(header, { name: 'f', content: 'x' })).map(({ name }) => name)).toEqual(['d/', 'f'])
  })

  test('what follows the end of the archive is ignored', () => {
    expect(read(Buffer.concat([archive({ name: 'f' }), Buffer.alloc(9000, 'rubbish')]))).toHaveLength(1)
  })
})

describe('sparse files', () => {
  const content = (entries: ReadEntry[]) => entries[0]?.content.toString('latin1')
  const expected = `${'\0'.repeat(1000)}abc${'\0'.repeat(997)}de`

  test('PAX 0.0, numbered pairs', () => {
    const records = paxHeader([
      ['GNU.sparse.size', '2002'],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.offset', '1000'],
      ['GNU.sparse.numbytes', '3'],
      ['GNU.sparse.offset', '2000'],
      ['GNU.sparse.numbytes', '2'],
    ])
    expect(content(read(archive(records, { name: 'f', content: 'abcde' }), { chunk: 100 }))).toBe(expected)
  })

  test('PAX 0.1, one list', () => {
    const records = paxHeader([
      ['GNU.sparse.size', '2002'],
      ['GNU.sparse.map', '1000,3,2000,2'],
      ['GNU.sparse.name', 'real'],
    ])
    const entries = read(archive(records, { name: 'f', content: 'abcde' }))
    expect([entries[0]?.name, content(entries)]).toEqual(['real', expected])
  })

  test('PAX 1.0, a map before the data', () => {
    const records = paxHeader([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'real'],
      ['GNU.sparse.realsize', '2002'],
    ])
    const map = '2\n1000\n3\n2000\n2\n'.padEnd(512, '\0')
    expect(content(read(archive(records, { name: 'f', content: `${map}abcde` }), { chunk: 13 }))).toBe(expected)
  })

  test('old GNU, with the map in the header and in continuation blocks', () => {
    const pair = (offset: number, length: number) =>
      `${offset.toString(8).padStart(11, '0')}\0${length.toString(8).padStart(11, '0')}\0`
    const first = [pair(0, 0), pair(0, 0), pair(0, 0), pair(0, 0)].join('')
    const header = tarHeader({ kind: 'file', name: 'f', mode: 0o644, size: 5 })
    const gnu = patched(
      patched(patched(patched(header, 257, 'ustar  \0'), 156, 'S'), 345, Buffer.alloc(41)),
      386,
      `${first}\x01${(2002).toString(8).padStart(11, '0')}\0`,
    )
    const extension = Buffer.alloc(512)
    extension.write(pair(1000, 3) + pair(2000, 2), 'latin1')
    const bytes = archive(gnu, extension, Buffer.concat([Buffer.from('abcde'), tarPadding(5)]))
    expect(content(read(bytes, { chunk: 300 }))).toBe(expected)
  })

  test.each([
    ['overlaps', '10,3,11,2'],
    ['goes backwards', '100,3,50,2'],
    ['lies beyond the file', '1000,3,2001,2'],
    ['has another length than the data', '1000,3,1500,1'],
    ['is odd', '1000,3,2000'],
    ['is not numeric', '1000,3,x,2'],
    ['overflows', '1000,3,99999999999999999999,2'],
  ])('a map that %s is refused', (_, map) => {
    const records = paxHeader([
      ['GNU.sparse.size', '2002'],
      ['GNU.sparse.map', map],
    ])
    expect(codeOf(() => read(archive(records, { name: 'f', content: 'abcde' })))).toBe('LAYER_INVALID')
  })

  test('an endless map is refused', () => {
    const records = paxHeader([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', '10'],
    ])
    const map = Buffer.from(`999999999\n${'1\n'.repeat(1_000_000)}`)
    expect(codeOf(() => read(archive(records, { name: 'f', content: map })))).toBe('LAYER_INVALID')
  })
})

describe('bounds', () => {
  const whole = archive({ name: 'a', content: 'x'.repeat(700) }, { name: `long/${'y'.repeat(300)}`, content: 'z' })

  test.each(Array.from({ length: (whole.length - 1024) / 512 + 1 }, (_, index) => index * 512))(
    'cut after %i bytes, it is truncated',
    (length) => {
      expect(codeOf(() => read(whole.subarray(0, length), { chunk: 1000 }))).toBe('LAYER_INVALID')
    },
  )

  test('an archive that ends between entries is accepted when its digest is known', () => {
    const reader = new TarReader({ entry() {}, data() {}, end() {} })
    reader.push(member({ name: 'f' }))
    expect(() => reader.finish(true)).not.toThrow()
  })

  test.each([
    [511, false],
    [512, false],
    [512 + 699, false],
    [512 + 700, true],
    [512 + 700 + 1, true],
    [512 + 1024 + 1, false],
  ])('cut after %i bytes, it is whole where its end may be missing: %s', (length, isWhole) => {
    const reader = new TarReader({ entry() {}, data() {}, end() {} })
    reader.push(whole.subarray(0, length))
    const finished = expect(() => reader.finish(true))
    if (isWhole) finished.not.toThrow()
    else finished.toThrow('truncated')
  })

  test('too many entries', () => {
    expect(codeOf(() => read(archive({ name: 'a' }, { name: 'b' }), { maxEntries: 1 }))).toBe('LAYER_TOO_LARGE')
  })

  test('too many bytes', () => {
    expect(codeOf(() => read(archive({ name: 'a', content: '12345' }), { maxBytes: 4 }))).toBe('LAYER_TOO_LARGE')
  })

  test('a PAX header of gigabytes', () => {
    const header = patched(tarHeader({ kind: 'file', name: 'p', mode: 0, size: 3_000_000_000 }), 156, 'x')
    expect(codeOf(() => read(archive(header)))).toBe('LAYER_TOO_LARGE')
  })

  test('a GNU long name of gigabytes', () => {
    const header = patched(tarHeader({ kind: 'file', name: 'p', mode: 0, size: 3_000_000_000 }), 156, 'L')
    expect(codeOf(() => read(archive(header)))).toBe('LAYER_TOO_LARGE')
  })

  test.each([
    ['a name of 5,000 characters', () => archive(paxHeader([['path', 'n'.repeat(5000)]]), { name: 'f' })],
    ['a name with a NUL', () => archive(paxHeader([['path', 'a\0b']]), { name: 'f' })],
    ['a link target with a NUL', () => archive(paxHeader([['linkpath', 'a\0b']]), { name: 'f', kind: 'symlink' })],
    ['a negative size', () => archive(patched(member({ name: 'f' }), 124, Buffer.alloc(12, 0xff)))],
    [
      'a size beyond 2^53',
      () =>
        archive(
          patched(member({ name: 'f' }), 124, Buffer.from([0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255])),
        ),
    ],
    ['a PAX size beyond 2^53', () => archive(paxHeader([['size', '9999999999999999']]), { name: 'f' })],
    ['a negative PAX size', () => archive(paxHeader([['size', '-1']]), { name: 'f' })],
    ['a negative PAX uid', () => archive(paxHeader([['uid', '-1']]), { name: 'f' })],
    ['letters for a number', () => archive(patched(member({ name: 'f' }), 100, 'rwxr-x\0\0'))],
    ['a wrong checksum', () => archive(Buffer.concat([Buffer.from('X'), member({ name: 'f' }).subarray(1)]))],
    ['an unknown type', () => archive(patched(member({ name: 'f' }), 156, 'V'))],
    [
      'a PAX record that is longer than its header',
      () =>
        archive(
          Buffer.concat([
            patched(tarHeader({ kind: 'file', name: 'p', mode: 0, size: 10 }), 156, 'x'),
            Buffer.from('99 path=x\n'),
            tarPadding(10),
          ]),
          { name: 'f' },
        ),
    ],
    ['an extended header for nothing', () => archive(paxHeader([['uid', '1']]))],
    ['entries after a block of zeros', () => archive(member({ name: 'a' }), Buffer.alloc(512), member({ name: 'b' }))],
    ['no tar at all', () => Buffer.from('#!/bin/sh\n'.repeat(200))],
  ])('%s is refused', (_, make) => {
    expect(codeOf(() => read(make()))).toBe('LAYER_INVALID')
  })

  test('damaged bytes give a LayerError or an archive, never anything else', () => {
    const seed = archive(
      paxHeader([
        ['GNU.sparse.map', '1,2'],
        ['GNU.sparse.size', '9'],
      ]),
      { name: 'f', content: 'ab' },
      { name: 'd', kind: 'directory' },
      { name: 'l', kind: 'symlink', linkname: 'x' },
    )
    const damage = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Buffer.from(seed)
        for (const [at, byte] of changes) bytes[at] = byte
        for (let at = 0; at + 512 <= bytes.length; at += 512)
          if (bytes.toString('latin1', at + 257, at + 262) === 'ustar')
            patched(bytes.subarray(at), 0, Buffer.alloc(0)).copy(bytes, at)
        expect(['no error', 'LAYER_INVALID', 'LAYER_TOO_LARGE']).toContain(codeOf(() => read(bytes)))
      }),
      { numRuns: 2000 },
    )
  })
})

test('any sequence of headers gives a LayerError or an archive, in time, however it is cut', () => {
  const text = fc.string({ maxLength: 40, unit: 'binary' }).map((value) => value.replaceAll(/[\ud800-\udfff]/g, '?'))
  const key = fc.constantFrom(
    'path',
    'linkpath',
    'size',
    'uid',
    'mtime',
    'GNU.sparse.major',
    'GNU.sparse.minor',
    'GNU.sparse.map',
    'GNU.sparse.size',
    'GNU.sparse.realsize',
    'GNU.sparse.offset',
    'GNU.sparse.numbytes',
    'SCHILY.xattr.user.a',
    'LIBARCHIVE.xattr.user.a',
  )
  const value = fc.oneof(
    fc.nat(3000).map(String),
    text,
    fc.constantFrom('-1', '9007199254740993', '1,2,3', '0,0', '1.5'),
  )
  const records = fc.array(fc.tuple(key, value), { maxLength: 4 })
  const piece = fc.oneof(
    fc.tuple(records, fc.constantFrom('x', 'g')).map(([list, type]) => paxHeader(list, type)),
    fc
      .tuple(fc.constantFrom('x', 'g', 'L', 'K'), fc.uint8Array({ maxLength: 700 }))
      .map(([type, data]) => extension(type, Buffer.from(data))),
    fc
      .tuple(
        fc.constantFrom(...'01234567SLKxgVMN'),
        fc.string({ minLength: 1, maxLength: 20 }),
        fc.uint8Array({ maxLength: 1200 }),
      )
      .map(([type, name, content]) =>
        patched(member({ name: name.replaceAll('\0', '_'), content: Buffer.from(content) }), 156, type),
      ),
    fc
      .tuple(fc.integer({ min: 100, max: 500 }), fc.uint8Array({ maxLength: 12 }))
      .map(([at, bytes]) => patched(member({ name: 'f' }), at, Buffer.from(bytes))),
    fc.constant(Buffer.alloc(512)),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.integer({ min: 1, max: 2000 }), (pieces, chunk) => {
      expect(['no error', 'LAYER_INVALID', 'LAYER_TOO_LARGE']).toContain(
        codeOf(() => read(archive(...pieces), { chunk })),
      )
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: true },
  )
})

test('the end marker alone is an empty archive', () => {
  expect(read(tarEnd)).toEqual([])
})
