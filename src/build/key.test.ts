import { expect, test } from 'vitest'
import { keyOf } from './key.js'

test('the order of names does not count, that of lists does', () => {
  expect(keyOf({ a: 1, b: [1, 2] })).toBe(keyOf({ b: [1, 2], a: 1 }))
  expect(keyOf({ a: 1, b: [1, 2] })).not.toBe(keyOf({ a: 1, b: [2, 1] }))
})

test('what is not there is as if it was not named, and is not nothing', () => {
  expect(keyOf({ a: 1, b: undefined })).toBe(keyOf({ a: 1 }))
  expect(keyOf({ a: '' })).not.toBe(keyOf({}))
  expect(keyOf([undefined])).not.toBe(keyOf([]))
})

test('no text can pass for another shape', () => {
  expect(keyOf(['a","b'])).not.toBe(keyOf(['a', 'b']))
  expect(keyOf('1')).not.toBe(keyOf(1))
})
