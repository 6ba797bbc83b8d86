import { expect, test } from 'vitest'
import { randomName } from './names.js'

test('a name has an adjective and a person, and digits after collisions', () => {
  expect(randomName()).toMatch(/^[a-z]+_[a-z]+$/)
  expect(randomName(3)).toMatch(/^[a-z]+_[a-z]+\d{1,3}$/)
})

test('names are many', () => {
  const names = new Set(Array.from({ length: 1000 }, () => randomName()))
  expect(names.size).toBeGreaterThan(900)
})
