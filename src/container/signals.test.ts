import { expect, test } from 'vitest'
import { signalName, signalNumber } from './signals.js'

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  [1, 1],
  ['SIGRTMIN+3', 37],
  ['rtmax-2', 62],
])('%s is signal %i', (signal, number) => {
  expect(signalNumber(signal)).toBe(number)
})

test.each(['FOO', '0', '65', '', -1])('refuses %j', (signal) => {
  expect(() => signalNumber(signal)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('names a number', () => {
  expect([signalName(9), signalName(37)]).toEqual(['SIGKILL', 'SIGRTMIN+3'])
})
