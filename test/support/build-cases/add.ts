import type { BuildGroup, ContextFile } from './build-case.js'

const gzip =
  'H4sIAAAAAAACA+3WPQ7CMAyGYc+cIjfAbX58HhAdIlCEKL0/KYilQwVDs/R9FstZrc9OLrI5rVLQd1W1T+2+/cyLmg8phlib+p56i+JUGpjG5+nhnOxULgfBfo3T+dgi/xbX8q/L/MfgxUXy32T+l2G4b7//w8r842L+FupJYP83MM+eC7Bft1yuTfa/2R/737pU/399LuQfAAAAAAAAAAAAAH70AufLlFgAKAAA'
const xz =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AJ5dADSbfBugolE3r7bafVLmf90Vy/I6PwA1b6D4SYHfieFVlrZc2nPjvBnd0ti5DsZqQugGcQTuufSIHOEoJ3mhggbvQ3ifaPBHR796myOgSlVNXMa2BfObEwRZkXXniFQElJy0M++k8OyWgB3JPSj9azC6ItxMHbPtY+Wj9+tpzxngL3yc0pHbKScnPawhV46O4uzQCc7HYRmJzUcFCwAAAAAA5Zq60Alm3rAAAboBgFAAAPVVgcSxxGf7AgAAAAAEWVo='
const bzip2 =
  'QlpoOTFBWSZTWduViyMAANH7gPGQIABAAP+AAEV2LV4ABFgwALawSlDTQAADQDJoJIg1TTT1GmmgBoAEpCBpoABoAB+z09syxjrUKwyQnuSEjbQbII3M7ASwKSCIEQUCTuY0OAWGgwdJcDQEFgoAfk8aARRODZBhzvnXjQHo97sGIROdXqEkRcWdQaAuITZcUCB6DRjuzw6mU1nzgkHBQD5XiPTq4ED8XckU4UJDblYsjA=='
const zstd =
  'KLUv/WQAJx0EAFIGEhGQzwEYfvrQ7h4tMsRp6nlfKbCR4D0DIeRge+UGrYmMLaHq3OBi9ov+30LVaQCbQ5CJzmo/eBE5v/+v2WMKusv9ge6b8/+GLRUgMC2zsHD96+uBl3qgicWmlF9gKvxbwViVdlfIfkBTBKvCEDFApvBJ51cJPXV45qCSD3NJn44bBZWUog=='
const gzippedText = 'H4sICAAAAAAAA3AAKyjISczM4wIA0PkVOQYAAAA='

const time = new Date(1_000_000_000_000)
const plain: ContextFile = {
  archive: {
    in: { content: 'in\n', mode: 0o640, uid: 7, gid: 8, mtime: time },
    'sub/': { mode: 0o750, uid: 7, gid: 8, mtime: time },
    'sub/deep': { content: 'deep\n', mtime: time },
    link: { type: 'symlink', linkname: 'in', mtime: time },
  },
}

const files: Readonly<Record<string, ContextFile>> = {
  'a.txt': 'a\n',
  'dir/x': 'x\n',
  'dir/t.tar': plain,
  't.tar': plain,
  't.tar.gz': { base64: gzip },
  't.tgz': { base64: gzip },
  't.tar.xz': { base64: xz },
  't.tar.bz2': { base64: bzip2 },
  't.tar.zst': { base64: zstd },
  't.txt': { base64: gzip },
  'p.gz': { base64: gzippedText },
  'fake.tar': 'no archive\n',
  'fake.tar.gz': 'no archive\n',
  'empty.tar': '',
  'zeros.tar': { base64: Buffer.alloc(1024).toString('base64') },
  'cut.tar.gz': { base64: Buffer.from(gzip, 'base64').subarray(0, 90).toString('base64') },
  'to.tar': { link: 't.tar' },
}

const adds = (...lines: string[]) => ({ dockerfile: `FROM corpus\n${lines.join('\n')}\n`, files })

const archived = (archive: Extract<ContextFile, { archive?: object }>['archive'], ...lines: string[]) => ({
  dockerfile: `FROM corpus\n${lines.join('\n')}\n`,
  files: { 't.tar': { archive } } as Readonly<Record<string, ContextFile>>,
})

/** ADD: files as COPY has them, and archives. */
export const add: BuildGroup = {
  'a file to a name': adds('ADD a.txt /new'),
  'a file into a directory': adds('ADD a.txt /p/'),
  'a directory': adds('ADD dir /new'),
  'a directory with an archive in it': adds('ADD dir /new/'),
  'several files': adds('ADD a.txt dir /new/'),
  chown: adds('ADD --chown=33:10 a.txt dir /new/'),
  'an archive to a name': adds('ADD t.tar /new'),
  'an archive into a directory': adds('ADD t.tar /new/'),
  'an archive to the root': adds('ADD t.tar /'),
  'an archive into WORKDIR': adds('WORKDIR /w', 'ADD t.tar .'),
  'an archive with gzip': adds('ADD t.tar.gz /new'),
  'an archive with gzip of another name': adds('ADD t.tgz /a', 'ADD t.txt /b'),
  'an archive with xz': adds('ADD t.tar.xz /new'),
  'an archive with bzip2': adds('ADD t.tar.bz2 /new'),
  'an archive with zstd': adds('ADD t.tar.zst /new'),
  'an archive by COPY is a file': adds('COPY t.tar.gz /new/'),
  'an archive with chown': adds('ADD --chown=33:10 t.tar /new/'),
  'several archives and a file': adds('ADD t.tar t.tar.gz a.txt /new/'),
  'archives by a wildcard': adds('ADD t.tar* /new/'),
  'an archive over a file': adds('RUN touch /f', 'ADD t.tar /f'),
  'an archive over files': adds(
    'RUN mkdir -p /new/in /real && touch /new/sub && ln -s /real /new/link',
    'ADD t.tar /new',
  ),
  'an archive over a directory with a mode': adds(
    'RUN mkdir -m 700 -p /new/sub && chown 33 /new/sub && touch /new/sub/keep',
    'ADD t.tar /new',
  ),
  'an archive through a symlink': adds('RUN mkdir /real && ln -s /real /new', 'ADD t.tar /new'),
  'an archive through a symlink with a slash': adds('RUN mkdir /real && ln -s /real /new', 'ADD t.tar /new/'),
  'an archive over a symlink to a directory': adds('RUN mkdir -p /real /new && ln -s /real /new/sub', 'ADD t.tar /new'),
  'an archive that is a symlink': adds('ADD to.tar /new'),
  'a text with gzip is a file': adds('ADD p.gz /new'),
  'what is no archive by its name': adds('ADD fake.tar fake.tar.gz /new/'),
  'an empty file by the name of an archive': adds('ADD empty.tar /new'),
  'an archive of nothing': adds('ADD zeros.tar /new'),
  'an archive that is cut': adds('ADD cut.tar.gz /new'),
  'an archive with names above it': archived({ '../up': 'u', 'a/../../b': 'b', c: 'c' }, 'ADD t.tar /p/q'),
  'an archive with absolute names': archived({ '/etc/x': 'x', '/y': 'y' }, 'ADD t.tar /p'),
  'an archive with names that begin with a dot': archived(
    { './': { mode: 0o711 }, './a': 'a', './b/': {}, './b/c': 'c' },
    'ADD t.tar /p',
  ),
  'an archive with hard links': archived({ a: 'a', 'd/': {}, 'd/b': { type: 'link', linkname: 'a' } }, 'ADD t.tar /p'),
  'an archive with symlinks out of it': archived(
    { l: { type: 'symlink', linkname: '/etc' }, m: { type: 'symlink', linkname: '../../..' } },
    'ADD t.tar /p',
  ),
  'an archive with a file through its symlink': archived(
    { l: { type: 'symlink', linkname: '/tmp' }, 'l/x': 'x' },
    'ADD t.tar /p',
  ),
  'an archive with devices and a fifo': archived(
    {
      null: { type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
      loop: { type: 'block-device', devmajor: 7, devminor: 0, mode: 0o660 },
      pipe: { type: 'fifo', mode: 0o600 },
    },
    'ADD t.tar /p',
  ),
  'an archive with modes': archived(
    {
      s: { content: 's', mode: 0o4755 },
      g: { content: 'g', mode: 0o2711 },
      n: { content: 'n', mode: 0 },
      't/': { mode: 0o1777 },
    },
    'ADD t.tar /p',
  ),
  'an archive with owners': archived(
    { a: { content: 'a', uid: 1234, gid: 5678 }, b: { content: 'b', uid: 2_000_000, gid: 3_000_000 } },
    'ADD t.tar /p',
  ),
  'an archive with times': archived(
    { a: { content: 'a', mtime: new Date(86_400_000) }, 'd/': { mtime: new Date(1_500_000_000_000) }, 'd/x': 'x' },
    'ADD t.tar /p',
  ),
  'an archive with attributes': archived(
    {
      a: { content: 'a', pax: { 'SCHILY.xattr.user.test': 'value' } },
      c: {
        content: 'c',
        mode: 0o755,
        pax: {
          'SCHILY.xattr.security.capability':
            '\u0001\u0000\u0000\u0002\u0000\u0004\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000',
        },
      },
    },
    'ADD t.tar /p',
  ),
  'an archive with a name twice': archived({ a: 'first', './a': 'second' }, 'ADD t.tar /p'),
  'an archive with a file in missing directories': archived({ 'x/y/z': 'z' }, 'ADD t.tar /p'),
  'an archive with names of whiteouts': archived(
    { '.wh.a': '', 'd/.wh..wh..opq': '', b: 'b' },
    'RUN mkdir -p /p/d && touch /p/a /p/d/x',
    'ADD t.tar /p',
  ),
  'an archive with a long name': archived({ [`${'n'.repeat(150)}/${'m'.repeat(150)}`]: 'deep' }, 'ADD t.tar /p'),
  'a file over what was copied': adds('COPY a.txt /x', 'ADD dir/x /x'),
}
