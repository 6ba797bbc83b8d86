import { expect, test } from 'vitest'
import { rfc3339 } from './inspect-state.js'

test.each([
  ['1795237828805184807', '2026-11-21T05:10:28.805184807Z'],
  ['1795237828805000000', '2026-11-21T05:10:28.805Z'],
  ['1795237828000000000', '2026-11-21T05:10:28Z'],
  ['0', '0001-01-01T00:00:00Z'],
  [undefined, '0001-01-01T00:00:00Z'],
])('%s nanoseconds are %s, as Docker prints them', (ns, text) => {
  expect(rfc3339(ns)).toBe(text)
})
