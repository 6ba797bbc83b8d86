import { expect, test } from 'vitest'
import { parseEnv, parseEnvFiles } from './environment.js'

const processEnv = { HOME: '/me', EMPTY: '' }

test.each([
  [undefined, []],
  [
    ['A=1', 'B=', 'C=x=y'],
    ['A=1', 'B=', 'C=x=y'],
  ],
  [
    ['HOME', 'EMPTY', 'UNSET'],
    ['HOME=/me', 'EMPTY='],
  ],
  [{ A: 1, B: true, C: 'x', HOME: undefined, UNSET: undefined }, ['A=1', 'B=true', 'C=x', 'HOME=/me']],
  [{ HOME: null, A: 1 }, ['HOME', 'A=1']],
])('env %j is %j', (input, env) => {
  expect(parseEnv(input, processEnv)).toEqual(env)
})

test.each([
  [['=x'], 'invalid environment variable: =x'],
  [[''], 'invalid environment variable: '],
  [{ 'a=b': 'c' }, 'invalid environment variable: a=b'],
  [{ '': 'c' }, 'invalid environment variable: '],
  [['A=\0'], 'it holds a NUL character'],
])('env %j is refused', (input, message) => {
  expect(() => parseEnv(input, processEnv)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
  )
})

const read = (content: string) => parseEnvFiles('f', new Map([['f', content]]), processEnv)

test('an env file keeps values as they are, and leaves out comments and names that are not set', () => {
  expect(read('\uFEFF  A=1 \n  #c\n\nB= "x y" #z \r\nUNSET\nHOME\nC=')).toEqual([
    'A=1 ',
    'B= "x y" #z ',
    'HOME=/me',
    'C=',
  ])
})

test('files come one after the other', () => {
  const contents = new Map([
    ['f', 'A=1'],
    ['g', 'A=2'],
  ])
  expect(parseEnvFiles(['g', 'f'], contents, {})).toEqual(['A=2', 'A=1'])
})

test.each([
  ['=foo', "invalid env file (f): no variable name on line '=foo'"],
  ['A=1\nC D=1', "invalid env file (f): variable 'C D' contains whitespaces"],
  ['A=\uFFFD', 'invalid env file (f): invalid utf8 bytes'],
  ['A=\0', "invalid env file (f): variable 'A' contains a NUL character"],
])('an env file with %j is refused', (content, message) => {
  expect(() => read(content)).toThrow(message)
})

test('an env file that was not read is missing', () => {
  expect(() => parseEnvFiles('/none', new Map(), {})).toThrow('open /none: no such file or directory')
})
