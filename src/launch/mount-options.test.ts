import { expect, test } from 'vitest'
import { MS } from '../host/index.js'
import { parseMountOptions } from './mount-options.js'
import { treeFlags } from './protocol.gen.js'

test('sorts mount(8) options into flags and leaves the filesystem its own', () => {
  const { flags, data } = parseMountOptions(['nosuid', 'noexec', 'nodev', 'ro', 'mode=755', 'size=65536k'])
  expect({ flags, data }).toEqual({ flags: MS.NOSUID | MS.NOEXEC | MS.NODEV | MS.RDONLY, data: 'mode=755,size=65536k' })
})

test('a later option undoes an earlier one, and not what the source has', () => {
  expect(parseMountOptions(['ro', 'nosuid', 'rw', 'suid'])).toMatchObject({ flags: 0, attrSet: 0, attrClear: 0 })
})

test('a bind has attributes for mount_setattr, a propagation and its reach', () => {
  expect(parseMountOptions(['rbind', 'rslave', 'ro', 'noatime'])).toEqual({
    flags: MS.RDONLY | MS.NOATIME,
    attrSet: 0x11,
    attrClear: 0x70,
    propagation: MS.SLAVE,
    recursive: true,
    reach: treeFlags.attributes | treeFlags.propagation,
    data: '',
  })
})

test.each([
  [['rbind', 'ro', 'rprivate'], treeFlags.propagation],
  [['rbind', 'ro'], treeFlags.propagation],
  [['rbind', 'rro', 'rprivate'], treeFlags.attributes | treeFlags.propagation],
  [['rbind', 'rro', 'private'], treeFlags.attributes],
  [['rbind', 'ro', 'slave'], 0],
  [['bind', 'rro', 'rprivate'], 0],
])('%j reaches what is mounted below with %i', (options, reach) => {
  expect(parseMountOptions(options)).toMatchObject({ reach })
})
