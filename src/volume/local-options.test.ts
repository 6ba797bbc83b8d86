import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { MS } from '../host/index.js'
import {
  bindFlags,
  describeMount,
  type LocalMount,
  localMount,
  serverName,
  withServerAddress,
} from './local-options.js'

const compiled = (options: Record<string, string>) => localMount(options) as LocalMount
const isAddress = (text: string) => isIP(text) !== 0

test.each([
  [{ bogus: '1' }, 'invalid option: "bogus": '],
  [{ 'quo"te': '1' }, 'invalid option: "quo\\"te": '],
  [{ constructor: '1' }, 'invalid option: "constructor": '],
  [{ Type: 'tmpfs', device: 'tmpfs' }, 'invalid option: "Type": '],
  [{ type: 'tmpfs' }, 'missing required option: "device": '],
  [{ device: '/srv' }, 'missing required option: "type": '],
  [{ o: 'bind' }, 'missing required option: "device": '],
  [{ o: 'bind', device: '/srv' }, 'missing required option: "type": '],
  [{ o: 'bind', type: 'none' }, 'missing required option: "device": '],
  [{ size: 'much' }, "invalid size: 'much': "],
  [{ size: '10m' }, 'quota size requested but no quota support: '],
  [{ type: 'none', device: '/srv', o: 'bind', size: '10m' }, 'quota size requested but no quota support: '],
  [{ type: 'tm\0pfs', device: 'tmpfs' }, 'invalid value for type: it holds a NUL character: '],
])('%j is refused: %s', (options, message) => {
  expect(() => localMount(options as unknown as Record<string, string>)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
  )
})

test.each([[{}], [{ size: '0' }], [{ type: '', device: '' }], [{ type: '', device: '', o: 'ro' }]])(
  '%j is a directory',
  (options) => {
    expect(localMount(options as Record<string, string>)).toBeUndefined()
  },
)

test('words of mount(8) become flags, the filesystem gets its own, in order', () => {
  expect(compiled({ type: 'tmpfs', device: 'tmpfs', o: 'size=100m,nosuid,uid=1000,,ro,nodev,rw,defaults' })).toEqual({
    source: 'tmpfs',
    type: 'tmpfs',
    flags: MS.NOSUID | MS.NODEV,
    propagation: 0,
    data: ['size=100m', 'uid=1000'],
    wantsLoop: false,
  })
})

test('a tmpfs takes size as its own option, which counts more than the one in o', () => {
  expect(compiled({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m', size: '1.5g' }).data).toEqual([
    'size=1m',
    'size=1610612736',
  ])
})

test.each([
  ['bind', MS.BIND, 0, undefined],
  ['rbind', MS.BIND | MS.REC, 0, undefined],
  ['bind,ro', MS.BIND | MS.RDONLY, 0, MS.BIND | MS.REMOUNT | MS.RDONLY],
  ['ro', MS.RDONLY, 0, undefined],
  ['rbind,rslave', MS.BIND | MS.REC, MS.SLAVE | MS.REC, undefined],
  ['bind,shared,private', MS.BIND, MS.PRIVATE, undefined],
])('a bind with o=%s is flags %i, then propagation %i', (o, flags, propagation, remount) => {
  const mount = compiled({ type: 'none', device: '/srv', o })
  expect(mount).toMatchObject({ flags, propagation, data: [] })
  expect(bindFlags(mount)).toBe(remount)
})

test('loop is for us, not for the filesystem', () => {
  expect(compiled({ type: 'ext4', device: '/srv/image', o: 'loop,noload' })).toMatchObject({
    data: ['noload'],
    wantsLoop: true,
  })
})

test.each([
  ['nfs', 'addr=files.example,rw,nfsvers=4', 'files.example'],
  ['nfs4', 'addr=files', 'files'],
  ['cifs', 'username=u,addr=files', 'files'],
  ['nfs', 'addr=10.0.0.1', undefined],
  ['nfs', 'addr=fd00::1', undefined],
  ['nfs', 'addr=', undefined],
  ['nfs', 'clientaddr=files', undefined],
  ['tmpfs', 'addr=files', undefined],
])('a %s with o=%s has the server %s to be looked up', (type, o, expected) => {
  expect(serverName(compiled({ type, device: ':/export', o }), isAddress)).toBe(expected)
})

test('the address takes the place of the server’s name, and of nothing else', () => {
  const mount = compiled({ type: 'nfs', device: 'files:/export', o: 'clientaddr=files,addr=files,soft' })
  expect(withServerAddress(mount, 'files', '10.0.0.1')).toEqual({
    ...mount,
    data: ['clientaddr=files', 'addr=10.0.0.1', 'soft'],
  })
})

test('a mount is described in Docker’s words, without its passwords', () => {
  const mount = compiled({ type: 'cifs', device: '//files/x', o: 'ro,username=u,password=se=cret,pass=other' })
  expect(describeMount(mount, '/v/_data')).toBe(
    'mount //files/x:/v/_data, flags: 0x1, data: username=u,password=********,pass=********',
  )
  expect(describeMount(compiled({ type: 'ext4', device: '/dev/sdz' }), '/v')).toBe('mount /dev/sdz:/v')
})

test('whatever the options are, they compile, or are refused with an error of ours', () => {
  const word = fc.constantFrom(
    'ro',
    'rw',
    'bind',
    'rbind',
    'rshared',
    'loop',
    'addr=x',
    'size=1',
    '',
    'constructor',
    '__proto__',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join(',')),
  )
  const options = fc.dictionary(fc.oneof(fc.constantFrom('type', 'device', 'o', 'size'), fc.string()), text)
  fc.assert(
    fc.property(options, (given) => {
      try {
        const mount = localMount(given)
        if (mount) expect(describeMount(mount, '/t')).toMatch(/^mount /)
      } catch (error) {
        expect(error).toBeInstanceOf(InboardError)
        expect(error).toMatchObject({ code: 'INVALID_OPTION' })
      }
    }),
  )
})

test('what is in o is in the flags, the propagation or the data, whatever else is there', () => {
  const own = fc.stringMatching(/^[a-z]{1,8}=[a-z0-9]{1,8}$/)
  fc.assert(
    fc.property(fc.array(own), fc.boolean(), (words, readOnly) => {
      const { data, flags } = compiled({
        type: 'ext4',
        device: '/dev/x',
        o: [...words, ...(readOnly ? ['ro'] : [])].join(','),
      })
      expect({ data, flags }).toEqual({ data: words, flags: readOnly ? MS.RDONLY : 0 })
    }),
  )
})
