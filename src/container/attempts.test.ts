import { expect, test } from 'vitest'
import { Attempts } from './attempts.js'

test('counts what was tried again, and tells the latest last', () => {
  const attempts = new Attempts()
  for (const what of ['a', 'b', 'a', 'a']) attempts.add(what)
  expect(attempts.list()).toEqual(['b', 'a (3 times)'])
})

test('is bounded, however many and however long they are', () => {
  const attempts = new Attempts()
  for (let at = 0; at < 1000; at++) attempts.add(`${at} ${'x\n'.repeat(1000)}`)
  expect(attempts.list()).toHaveLength(20)
  expect(Math.max(...attempts.list().map(({ length }) => length))).toBeLessThan(310)
})
