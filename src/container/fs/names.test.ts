import { assert, property, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, lastName, pathText, splitPath, textOf } from './names.js'

describe('names', () => {
  test('of any bytes survive being text', () => {
    assert(property(uint8Array(), (bytes) => bytesOf(textOf(Buffer.from(bytes))).equals(bytes)))
  })

  test('have a lone surrogate for each byte that is not UTF-8', () => {
    expect(textOf(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xed, 0xa0, 0x80]))).toBe('a\udcffé\udced\udca0\udc80')
  })

  test.each(['a\0b', '\ud800', 'x\udc00'])('cannot be %j', (path) => {
    expect(() => pathText(path)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  test('are text, or bytes', () => {
    expect(pathText(new Uint8Array([0x2f, 0x80]))).toBe('/\udc80')
    expect(() => pathText(7 as unknown as string)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

test.each([
  ['/', { directory: '/', name: '', wantsDirectory: true }],
  ['', { directory: '/', name: '', wantsDirectory: false }],
  ['a', { directory: '/', name: 'a', wantsDirectory: false }],
  ['/a//b//', { directory: '/a//', name: 'b', wantsDirectory: true }],
  ['../x', { directory: '../', name: 'x', wantsDirectory: false }],
])('%j is split at its last name', (path, split) => {
  expect(splitPath(path)).toEqual(split)
  expect(lastName(path)).toBe(split.name || '/')
})
