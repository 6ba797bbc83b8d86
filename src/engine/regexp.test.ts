import { expect, test } from 'vitest'
import { compileRegexp } from './regexp.js'

test.each([
  ['web', 'a web server', true],
  ['web', 'a Web server', false],
  ['', 'anything', true],
  ['my.name', 'my-name', true],
  ['^/?web$', '/web', true],
  ['^web$', 'web1', false],
  ['(?i)^WEB', 'website', true],
  ['\\pL+', 'é', true],
  ['[[:digit:]]{2}', 'a12', true],
  ['a\\.b', 'a-b', false],
])('%s of %s: %s', (pattern, text, expected) => {
  expect(compileRegexp(pattern)(text)).toBe(expected)
})

test.each([
  ['(', 'missing closing ): `(`'],
  ['[', 'missing closing ]: `[`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(a)\\1', 'invalid escape sequence: `\\1`'],
  ['a{1,1001}', 'invalid repeat count: `{1,1001}`'],
])("%s is refused in Go's words", (pattern, message) => {
  expect(() => compileRegexp(pattern)).toThrow(`error parsing regexp: ${message}`)
})

test('what would take for ever elsewhere is done in time that grows with the text', () => {
  const matches = compileRegexp('^(a+)+$')
  // A backtracking matcher has 2^10,000 ways to try.
  expect(matches(`${'a'.repeat(10_000)}!`)).toBe(false)
  expect(matches('a'.repeat(10_000))).toBe(true)
})
