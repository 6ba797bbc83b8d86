import { describe, expect, test } from 'vitest'
import { clean, hasWildcards, match } from './go-path.js'

describe('clean', () => {
  test.each([
    ['', '.'],
    ['.', '.'],
    ['/', '/'],
    ['//', '/'],
    ['a/', 'a'],
    ['a//b', 'a/b'],
    ['./a/./b/.', 'a/b'],
    ['a/../b', 'b'],
    ['a/..', '.'],
    ['..', '..'],
    ['../../a', '../../a'],
    ['a/../..', '..'],
    ['a/../../b', '../b'],
    ['/..', '/'],
    ['/../a', '/a'],
    ['abc/./../def', 'def'],
    ['abc//./../def', 'def'],
    ['abc/def/../../..', '..'],
  ])('%j is %j', (path, cleaned) => {
    expect(clean(path)).toBe(cleaned)
  })
})

describe('match', () => {
  test.each([
    ['abc', 'abc'],
    ['*', 'abc'],
    ['*c', 'abc'],
    ['a*', 'a'],
    ['a*', 'abc'],
    ['a*/b', 'abc/b'],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f'],
    ['a*b?c*x', 'abxbbxdbxebxczzx'],
    ['ab[c]', 'abc'],
    ['ab[b-d]', 'abc'],
    ['ab[^e-g]', 'abc'],
    ['a\\*b', 'a*b'],
    ['a?b', 'a☺b'],
    ['a[^a]b', 'a☺b'],
    ['[a-ζ]*', 'α'],
    ['[\\]a]', ']'],
    ['[\\-]', '-'],
    ['[x\\-]', 'x'],
    ['[x\\-]', '-'],
    ['[\\-x]', 'x'],
    ['*x', 'xxx'],
    ['', ''],
    ['[^/]', 'a'],
    ['a[/]b', 'a/b'],
    ['?', '\uDC80'],
    ['a***b', 'ab'],
    ['*', ''],
    ['[^a]', '\uDC80'],
  ])('%j matches %j', (pattern, name) => {
    expect(match(pattern, name)).toBe(true)
  })

  test.each([
    ['a*', 'ab/c'],
    ['a*/b', 'a/c/b'],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff'],
    ['a*b?c*x', 'abxbbxdbxebxczzy'],
    ['ab[e-g]', 'abc'],
    ['ab[^c]', 'abc'],
    ['ab[^b-d]', 'abc'],
    ['a\\*b', 'ab'],
    ['a???b', 'a☺b'],
    ['a[^a][^a][^a]b', 'a☺b'],
    ['*[a-ζ]', 'A'],
    ['a?b', 'a/b'],
    ['a*b', 'a/b'],
    ['[x\\-]', 'z'],
    ['', 'a'],
    ['?', ''],
    ['[b-a]', 'a'],
    ['a*', ''],
  ])('%j does not match %j', (pattern, name) => {
    expect(match(pattern, name)).toBe(false)
  })

  test.each([
    '[]a]',
    '[-]',
    '[x-]',
    '[-x]',
    '[a-b-c]',
    '[',
    '[^',
    '[^bc',
    'a[',
    'a\\',
    '[]',
    '[^]',
    'a/b[',
    '[\\',
    '[a-',
  ])('%j is no pattern, also for a name that differs before the mistake', (pattern) => {
    expect(() => match(pattern, 'a')).toThrow('syntax error in pattern')
    expect(() => match(pattern, 'zzz')).toThrow('syntax error in pattern')
  })

  test('takes no exponential time', () => {
    expect(match(`${'a*'.repeat(200)}b`, 'a'.repeat(5000))).toBe(false)
  })
})

test.each([
  ['a*', true],
  ['a\\*', false],
  ['a?', true],
  ['[a]', true],
  ['a]', false],
  ['\\[a]', false],
  ['\\\\*', true],
  ['a\\', false],
])('%j has wildcards: %s', (path, expected) => {
  expect(hasWildcards(path)).toBe(expected)
})
