import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { parseMounts } from './mounts.js'
import type { MountInput } from './options.js'

const bind = { type: 'bind', readOnly: false, propagation: 'rprivate', createSource: true, recursive: true }

test.each([
  ['/x:/y', { source: '/x', target: '/y' }],
  ['/x/../z/:/a/./b/', { source: '/z', target: '/a/b' }],
  ['/x:/y:ro', { readOnly: true }],
  ['/x:/y:ro,z,rslave', { readOnly: true, propagation: 'rslave' }],
  ['/x:/y:rw,consistent', { readOnly: false }],
  ['/x:/y:shared', { propagation: 'shared' }],
  ['/proc:/proc', { source: '/proc', target: '/proc' }],
  ['/x:/proc/meminfo', { target: '/proc/meminfo' }],
])('the volume %s is a bind', (spec, mount) => {
  expect(parseMounts({ volume: [spec] })).toEqual([{ ...bind, source: '/x', target: '/y', ...mount }])
})

// biome-ignore format: a table
test.each([
  ['', 'invalid empty volume spec'],
  ['/v', "invalid volume specification: '/v': this version has no anonymous volumes"],
  ['data:/y', "invalid volume specification: 'data:/y': this version has no named volumes"],
  ['x/y:/y', '"x/y" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'],
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
])('the tmpfs %s has the options %j', (spec, options) => {
  expect(parseMounts({ tmpfs: [spec] })).toEqual([{ type: 'tmpfs', target: '/t', options }])
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
    { type: 'tmpfs', target: '/t', tmpfsOptions: { size: '5m', mode: 0o700 } },
    { type: 'tmpfs', target: '/u' },
  ]
  expect(parseMounts({ mount, tmpfs: [{ target: '/v', options: 'exec' }] })).toEqual([
    { ...bind, source: '/x', target: '/y', readOnly: true, propagation: 'rshared', createSource: false },
    { type: 'tmpfs', target: '/t', options: [...defaults, 'mode=700', 'size=5m'] },
    { type: 'tmpfs', target: '/u', options: defaults },
    { type: 'tmpfs', target: '/v', options: ['nosuid', 'nodev', 'rprivate', 'exec'] },
  ])
})

test.each<[MountInput, string]>([
  [
    { type: 'bind', source: 'rel', target: '/y' },
    `invalid mount config for type "bind": invalid mount path: 'rel' mount path`,
  ],
  [{ type: 'bind', source: '', target: '/y' }, 'invalid mount config for type "bind": field Source must not be empty'],
  [{ type: 'bind', source: '/x', target: '' }, 'target is required'],
  [{ type: 'bind', source: '/x', target: 'y' }, "invalid mount path: 'y' mount path must be absolute"],
  [{ type: 'bind', source: '/x', target: '/y', propagation: 'foo' as never }, 'invalid propagation mode: foo'],
  [{ type: 'tmpfs', target: '/y', tmpfsOptions: { size: '-1' } }, "invalid size: '-1'"],
  [{ type: 'tmpfs', target: '/y', tmpfsOptions: { mode: 0o17777 } }, 'invalid value for mount: 8191'],
  [{ type: 'volume', target: '/y' } as never, 'mount type unknown: "volume"'],
])('the mount %j is refused', (mount, message) => {
  expect(() => parseMounts({ mount: [mount] })).toThrow(message)
})

test.each([
  [{ volume: ['/x:/y', '/z:/y'] }],
  [{ volume: ['/x:/y/', '/z:/y/../y'] }],
  [{ volume: ['/x:/y'], tmpfs: ['/y'] }],
])('%j mounts two things on one place', (raw) => {
  expect(() => parseMounts(raw)).toThrow('Duplicate mount point: /y')
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
