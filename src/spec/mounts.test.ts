import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { parseMounts } from './mounts.js'
import type { MountInput } from './options.js'

const bind = {
  type: 'bind',
  syntax: 'volume',
  readOnly: false,
  mode: '',
  propagation: 'rprivate',
  createSource: true,
  recursive: 'enabled',
}
const named = {
  type: 'volume',
  syntax: 'volume',
  name: 'aa',
  target: '/y',
  readOnly: false,
  mode: '',
  noCopy: false,
  labels: {},
  driver: '',
  driverOptions: {},
  subpath: '',
}

test.each([
  ['/x:/y', { source: '/x', target: '/y' }],
  ['/x/../z/:/a/./b/', { source: '/z', target: '/a/b' }],
  ['/x:/y:ro', { readOnly: true, mode: 'ro' }],
  ['/x:/y:ro,z,rslave', { readOnly: true, mode: 'ro,z,rslave', propagation: 'rslave' }],
  ['/x:/y:rw,consistent', { mode: 'rw,consistent' }],
  ['/x:/y:shared', { mode: 'shared', propagation: 'shared' }],
  ['/proc:/proc', { source: '/proc', target: '/proc' }],
  ['/x:/proc/meminfo', { target: '/proc/meminfo' }],
])('the volume %s is a bind', (spec, mount) => {
  expect(parseMounts({ volume: [spec] })).toEqual([{ ...bind, source: '/x', target: '/y', ...mount }])
})

test.each([
  ['/y', { name: '' }],
  ['/a/../y/', { name: '' }],
  ['aa:/y', {}],
  ['a..b:/y/.', { name: 'a..b' }],
  ['aa:/y:ro', { readOnly: true, mode: 'ro' }],
  ['aa:/y:rw,nocopy,Z', { mode: 'rw,nocopy,Z', noCopy: true }],
  [`${'x'.repeat(255)}:/y`, { name: 'x'.repeat(255) }],
])('the volume %s is one of the engine', (spec, mount) => {
  expect(parseMounts({ volume: [spec] })).toEqual([{ ...named, ...mount }])
})

// biome-ignore format: a table
test.each([
  ['', 'invalid empty volume spec'],
  ['y', "invalid mount path: 'y' mount path must be absolute"],
  ['a:/y', 'create a: volume name is too short, names should be at least two alphanumeric characters'],
  [`${'x'.repeat(256)}:/y`, `create ${'x'.repeat(256)}: file name too long`],
  ['aa:/y:rslave', `invalid volume specification: 'aa:/y:rslave': invalid mount config for type "volume": field BindOptions must not be specified`],
  ['aa:y', `invalid volume specification: 'aa:y': invalid mount config for type "volume": invalid mount path: 'y' mount path must be absolute`],
  ['aa:', 'invalid spec: aa:: empty section between colons'],
  ['aa\n:/y', 'includes invalid characters for a local volume name'],
  ['x/y:/y', 'create x/y: "x/y" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'],
  ['../x:/y', '"../x" includes invalid characters for a local volume name'],
  ['/x:y', "invalid mount path: 'y' mount path must be absolute"],
  ['/x:/', "invalid specification: destination can't be '/'"],
  ['/x:/..', "invalid specification: destination can't be '/'"],
  ['/x:/y:foo', 'invalid mode: foo'],
  ['/x:/y:ro,rw', 'invalid mode: ro,rw'],
  ['/x:/y:z,Z', 'invalid mode: z,Z'],
  ['/x:/y:shared,private', 'invalid mode: shared,private'],
  ['/x:/y:,', 'invalid mode: ,'],
  ['/x:/y:nocopy', 'field VolumeOptions must not be specified'],
  ['/x:/y:ro:z', 'invalid spec: /x:/y:ro:z: too many colons'],
  [':/y', 'invalid spec: :/y: empty section between colons'],
  ['/x:ro', "invalid volume specification: '/x:ro'"],
  ['/x:/proc/sys', '"/proc/sys" cannot be mounted because it is inside /proc'],
  ['/x:/proc/a/../self', '"/proc/self" cannot be mounted because it is inside /proc'],
  ['/x:/proc', '"/proc" cannot be mounted because it is not of type proc'],
  ['/x\0:/y', 'it holds a NUL character'],
])('the volume %j is refused', (spec, message) => {
  expect(() => parseMounts({ volume: [spec] })).toThrow(message)
  expect(() => parseMounts({ volume: [spec] })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

const defaults = ['noexec', 'nosuid', 'nodev', 'rprivate']

test.each([
  ['/t', defaults],
  ['/t:', defaults],
  ['/t:defaults', defaults],
  ['/t:size=10m,mode=777,exec', ['nosuid', 'nodev', 'rprivate', 'size=10m', 'mode=777', 'exec']],
  ['/t:ro,rw,suid,size=5k,size=6k', ['noexec', 'nodev', 'rprivate', 'rw', 'suid', 'size=6k']],
  [
    '/t:private,size=50%,nr_inodes=5k,uid=3,gid=3',
    ['noexec', 'nosuid', 'nodev', 'private', 'size=50%', 'nr_inodes=5k', 'uid=3', 'gid=3'],
  ],
  ['/t:noatime,atime', defaults],
  ['/t:rw,ro', [...defaults, 'ro']],
])('the tmpfs %s has the options %j', (spec, options) => {
  const readOnly = options.includes('ro')
  const given = spec.slice('/t:'.length)
  const common = { type: 'tmpfs', syntax: 'tmpfs', target: '/t' }
  expect(parseMounts({ tmpfs: [spec] })).toEqual([{ ...common, readOnly, options, given }])
})

test.each([
  ['foo', "invalid mount path: 'foo' mount path must be absolute"],
  ['/', "invalid specification: destination can't be '/'"],
  ['/t:bar', 'invalid tmpfs option ["bar"]'],
  ['/t:bar=1', 'invalid tmpfs option ["bar" "1"]'],
  ['/t:size=x', 'invalid tmpfs option ["size" "x"]'],
  ['/t:size=-1', 'invalid tmpfs option ["size" "-1"]'],
  ['/t:mode=999', 'invalid tmpfs option ["mode" "999"]'],
  ['/t:bind', 'invalid tmpfs option ["bind"]'],
  ['/t:remount', 'invalid tmpfs option ["remount"]'],
  ['/t:constructor', 'invalid tmpfs option ["constructor"]'],
])('the tmpfs %s is refused', (spec, message) => {
  expect(() => parseMounts({ tmpfs: [spec] })).toThrow(message)
})

test('the object forms of mounts', () => {
  const mount: MountInput[] = [
    { type: 'bind', source: '/x', target: '/y', readOnly: true, propagation: 'rshared' },
    { type: 'bind', source: '/x', target: '/z', readOnly: true, recursive: 'readonly', createSource: true },
    { type: 'volume', target: '/a' },
    { type: 'volume', source: 'aa', target: '/b/', readOnly: true, volumeOptions: { noCopy: true, subpath: 'x/./y/' } },
    {
      type: 'volume',
      source: 'bb',
      target: '/c',
      volumeOptions: { labels: { l: '1' }, driver: 'mine', driverOptions: { o: '2' } },
    },
    { type: 'image', source: 'busybox', target: '/i', imageOptions: { subpath: './bin' } },
    { type: 'tmpfs', target: '/t', readOnly: true, tmpfsOptions: { size: '5m', mode: 0o700 } },
    { type: 'tmpfs', target: '/u' },
  ]
  const long = { syntax: 'mount' }
  const tmpfs = { type: 'tmpfs', syntax: 'mount', readOnly: false, given: '' }
  expect(parseMounts({ mount, tmpfs: [{ target: '/v', options: 'exec' }] })).toEqual([
    { ...bind, ...long, source: '/x', target: '/y', readOnly: true, propagation: 'rshared', createSource: false },
    { ...bind, ...long, source: '/x', target: '/z', readOnly: true, createSource: true, recursive: 'readonly' },
    { ...named, ...long, name: '', target: '/a' },
    { ...named, ...long, target: '/b', readOnly: true, noCopy: true, subpath: 'x/y' },
    { ...named, ...long, name: 'bb', target: '/c', labels: { l: '1' }, driver: 'mine', driverOptions: { o: '2' } },
    { type: 'image', ...long, source: 'busybox', target: '/i', subpath: 'bin' },
    {
      ...tmpfs,
      target: '/t',
      readOnly: true,
      options: [...defaults, 'ro', 'mode=700', 'size=5m'],
      given: 'ro,mode=700,size=5m',
    },
    { ...tmpfs, target: '/u', options: defaults },
    { ...tmpfs, syntax: 'tmpfs', target: '/v', options: ['nosuid', 'nodev', 'rprivate', 'exec'], given: 'exec' },
  ])
})

const wrong = (type: string, words: string) => `invalid mount config for type "${type}": ${words}`

// biome-ignore format: a table
test.each<[MountInput, string]>([
  [{ type: 'bind', source: 'rel', target: '/y' }, wrong('bind', "invalid mount path: 'rel' mount path must be absolute")],
  [{ type: 'bind', source: '', target: '/y' }, wrong('bind', 'field Source must not be empty')],
  [{ type: 'bind', source: '/x', target: '' }, 'target is required'],
  [{ type: 'bind', source: '/x', target: 'y' }, wrong('bind', "invalid mount path: 'y' mount path must be absolute")],
  [{ type: 'bind', source: '/x', target: '/.' }, wrong('bind', "invalid specification: destination can't be '/'")],
  [{ type: 'bind', source: '/x', target: '/y', propagation: 'foo' as never }, wrong('bind', 'invalid propagation mode: foo')],
  [{ type: 'bind', source: '/x', target: '/y', volumeOptions: {} } as never, wrong('bind', 'field VolumeOptions must not be specified')],
  [{ type: 'bind', source: '/x', target: '/y', recursive: 'all' as never }, 'invalid value for bind-recursive: all (must be "enabled", "disabled", "writable", or "readonly")'],
  [{ type: 'bind', source: '/x', target: '/y', recursive: 'writable' }, "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"],
  [{ type: 'bind', source: '/x', target: '/y', recursive: 'readonly' }, "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"],
  [{ type: 'bind', source: '/x', target: '/y', readOnly: true, propagation: 'rslave', recursive: 'readonly' }, "requires 'bind-propagation=rprivate' to be specified in conjunction"],
  [{ type: 'volume', target: 'y' }, wrong('volume', "invalid mount path: 'y' mount path must be absolute")],
  [{ type: 'volume', target: '/y', readOnly: true }, wrong('volume', 'must not set ReadOnly mode when using anonymous volumes')],
  [{ type: 'volume', target: '/y', volumeOptions: { subpath: 'x' } }, wrong('volume', 'must not set Subpath when using anonymous volumes')],
  [{ type: 'volume', source: 'aa', target: '/y', volumeOptions: { subpath: '/x' } }, wrong('volume', 'subpath must be a relative path within the volume')],
  [{ type: 'volume', source: 'aa', target: '/y', volumeOptions: { subpath: 'x/../..' } }, wrong('volume', 'subpath must be a relative path within the volume')],
  [{ type: 'volume', source: 'a', target: '/y' }, 'create a: volume name is too short'],
  [{ type: 'volume', source: '/abs', target: '/y' }, 'create /abs: "/abs" includes invalid characters for a local volume name'],
  [{ type: 'volume', target: '/y', propagation: 'rslave' } as never, wrong('volume', 'field BindOptions must not be specified')],
  [{ type: 'volume', source: 'aa', target: '/y', volumeOptions: { labels: { a: 1 } } } as never, 'invalid value for mount: 1'],
  [{ type: 'image', source: '', target: '/y' }, wrong('image', 'field Source must not be empty')],
  [{ type: 'image', source: 'i', target: '/y', imageOptions: { subpath: '..' } }, wrong('image', 'subpath must be a relative path within the image')],
  [{ type: 'tmpfs', target: '/y', source: '/x' } as never, wrong('tmpfs', 'field Source must not be specified')],
  [{ type: 'tmpfs', target: '/y', tmpfsOptions: { size: '-1' } }, "invalid size: '-1'"],
  [{ type: 'tmpfs', target: '/y', tmpfsOptions: { mode: 0o17777 } }, 'invalid value for mount: 8191'],
  [{ type: 'npipe', target: '/y' } as never, wrong('npipe', 'mount type unknown')],
])('the mount %j is refused', (mount, message) => {
  expect(() => parseMounts({ mount: [mount] })).toThrow(message)
})

test.each<[Parameters<typeof parseMounts>[0]]>([
  [{ volume: ['/x:/y', '/z:/y'] }],
  [{ volume: ['aa:/y', 'aa:/y'] }],
  [{ volume: ['/x:/y/', 'aa:/y/../y'] }],
  [{ volume: ['/x:/y'], tmpfs: ['/y'] }],
  [{ volume: ['aa:/y'], mount: [{ type: 'volume', target: '/y' }] }],
  [
    {
      mount: [
        { type: 'tmpfs', target: '/y' },
        { type: 'volume', target: '/y' },
      ],
    },
  ],
])('%j mounts two things on one place', (raw) => {
  expect(() => parseMounts(raw)).toThrow('Duplicate mount point: /y')
})

test('an anonymous volume gives way, tmpfs may hide a mount, and the last tmpfs counts', () => {
  expect(parseMounts({ volume: ['/y', 'aa:/y', '/y/', '/z'], tmpfs: ['/z', '/t:size=1m', '/t'] })).toEqual([
    expect.objectContaining({ type: 'volume', name: 'aa', target: '/y' }),
    expect.objectContaining({ type: 'volume', name: '', target: '/y' }),
    expect.objectContaining({ type: 'volume', name: '', target: '/z' }),
    expect.objectContaining({ type: 'tmpfs', target: '/z' }),
    expect.objectContaining({ type: 'tmpfs', target: '/t', given: '' }),
  ])
  const hidden = parseMounts({ mount: [{ type: 'volume', target: '/y' }], tmpfs: ['/y'] })
  expect(hidden.map(({ type }) => type)).toEqual(['volume', 'tmpfs'])
})

test('no text of a volume leads to the root, into /proc, or to a relative path', () => {
  const word = fc.constantFrom('/', '.', '..', 'a', 'proc', ':', ',', 'ro', 'z', ' ')
  fc.assert(
    fc.property(fc.string({ unit: word, maxLength: 14 }), (tail) => {
      try {
        const [mount] = parseMounts({ volume: [`/x${tail}`] })
        expect(mount?.target).toMatch(/^\/[^/]/)
        expect(mount?.target.split('/')).not.toContain('..')
        expect(mount?.target).not.toMatch(/^\/proc(\/|$)/)
      } catch (error) {
        expect(error).toBeInstanceOf(InboardError)
      }
    }),
    { numRuns: 3000 },
  )
})
