import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { resolveUser } from './user.js'

const passwd =
  'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n1000:x:5:5::/five:/bin/sh\nlow:x:7:7::/:\n'
const group = 'root:x:0:\nbob:x:1000:\nvideo:x:44:bob\nx:x:45:alice,bob\n'

// What Docker answered for the same files.
test.each([
  ['', 0, 0, [0], '/root'],
  ['root', 0, 0, [0], '/root'],
  ['bob', 1000, 1000, [1000, 44, 45], '/home/bob'],
  ['1000', 1000, 1000, [1000, 44, 45], '/home/bob'],
  ['1000:', 1000, 1000, [1000, 44, 45], '/home/bob'],
  ['1000:1000', 1000, 1000, [1000], '/home/bob'],
  ['bob:44', 1000, 44, [44], '/home/bob'],
  ['bob:x', 1000, 45, [45], '/home/bob'],
  ['1001', 1001, 0, [0], '/'],
  ['1000:1:2', 1000, 1, [1], '/home/bob'],
  [':44', 0, 44, [44], '/root'],
  ['5', 5, 5, [5], '/five'],
])('%j is uid %i, gid %i, groups %j, home %s', (user, uid, gid, additionalGids, home) => {
  expect(resolveUser(user, passwd, group, [])).toEqual({ uid, gid, additionalGids, home })
})

test.each([
  ['bob', ['video', '77'], [1000, 44, 45, 44, 77]],
  ['', ['video', '0'], [0, 44, 0]],
  ['1000:1000', ['x', '45'], [1000, 45]],
])('%j with groups %j added is in %j', (user, groupAdd, gids) => {
  expect(resolveUser(user, passwd, group, groupAdd).additionalGids).toEqual(gids)
})

test.each([
  ['nobodyx', [], 'USER_NOT_FOUND', 'unable to find user nobodyx: no matching entries in passwd file'],
  ['bob:nogrp', [], 'USER_NOT_FOUND', 'unable to find group nogrp: no matching entries in group file'],
  ['', ['foo'], 'USER_NOT_FOUND', 'Unable to find group foo: no matching entries in group file'],
  ['99999999999999999999', [], 'USER_NOT_FOUND', 'unable to find user 99999999999999999999: no matching'],
  ['2147483648', [], 'INVALID_OPTION', 'uids and gids must be in range 0-2147483647'],
  ['-1', [], 'INVALID_OPTION', 'uids and gids must be in range 0-2147483647'],
  ['0:2147483648', [], 'INVALID_OPTION', 'uids and gids must be in range 0-2147483647'],
  ['', ['2147483648'], 'INVALID_OPTION', 'uids and gids must be in range 0-2147483647'],
])('%j with groups %j is refused: %s', (user, groupAdd, code, message) => {
  expect(() => resolveUser(user, passwd, group, groupAdd)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  )
})

test('an image without files has only numbers', () => {
  expect(resolveUser('1000', undefined, undefined, [])).toEqual({ uid: 1000, gid: 0, additionalGids: [0], home: '/' })
  expect(() => resolveUser('root', undefined, undefined, [])).toThrow('unable to find user root')
})

test('lines that are no entries are passed over', () => {
  const hostile = `#bob:x:1:1\n\n:::\nbob\nbob:x:-1:0::/a\nbob:x:99999999999:0::/a\nbob:x:1:z::/a\nbo\0b:x:3:3::/a\n\r\nbob:x:4:4::/ok\r\n`
  expect(resolveUser('bob', hostile, undefined, [])).toMatchObject({ uid: 4, home: '/ok' })
})

test('files without end cost no more than their first megabytes', () => {
  const endless = `${'a'.repeat(8 * 1024 * 1024)}\nbob:x:4:4::/ok\n`
  expect(() => resolveUser('bob', endless, undefined, [])).toThrow('unable to find user bob')
  const members = `g:x:5:${'bob,'.repeat(500_000)}\n`.repeat(3)
  expect(resolveUser('bob', passwd, members, []).additionalGids.length).toBeLessThan(5)
})

test('any user and any files give ids in range, or a typed error', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '0', '1', '9', ':', '\n', '\r', '-', ',', '\0', '#', 'bob') })
  fc.assert(
    fc.property(text, text, text, fc.array(text, { maxLength: 2 }), (user, passwdText, groupText, added) => {
      try {
        const { uid, gid, additionalGids } = resolveUser(user, passwdText, groupText, added)
        for (const one of [uid, gid, ...additionalGids]) expect(one >= 0 && one <= 2 ** 31 - 1).toBe(true)
        expect(additionalGids[0]).toBe(gid)
      } catch (error) {
        expect(error).toBeInstanceOf(InboardError)
      }
    }),
    { numRuns: 2000 },
  )
})
