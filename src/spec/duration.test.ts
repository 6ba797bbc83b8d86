import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.js'

// biome-ignore format: a table
test.each([
  ['1m30s', 90e9], ['1.5s', 1.5e9], ['500ms', 5e8], ['1h0m0.5s', 3600.5e9], ['.5s', 5e8], ['2us', 2000], ['7ns', 7], ['0', 0], ['-1s', -1e9], ['+2m', 120e9],
])('reads %j', (text, ns) => {
  expect(parseDuration(text)).toBe(ns)
})

test.each(['', 's', '1', 'x', '1 s', '1sx', '1d', '--1s', '1s-'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

// What Go's Duration.String() says.
// biome-ignore format: a table
test.each([
  [0, '0s'], [90e9, '1m30s'], [1.5e9, '1.5s'], [5e8, '500ms'], [1e9, '1s'], [60e9, '1m0s'], [3600e9, '1h0m0s'], [5400.25e9, '1h30m0.25s'], [1500, '1.5µs'], [7, '7ns'], [1.5e6, '1.5ms'],
])('prints %d ns as %s', (ns, text) => {
  expect(formatDuration(ns)).toBe(text)
})
