import { describe, expect, test } from 'vitest'
import { InvalidOptionError } from '../errors/index.js'
import { DetachScanner, parseDetachKeys } from './detach-keys.js'

const scanAll = (keys: string, ...inputs: readonly string[]) => {
  const scanner = new DetachScanner(parseDetachKeys(keys))
  const scanned = inputs.map((input) => scanner.scan(Buffer.from(input)))
  return {
    passed: scanned.map(({ passed }) => passed.toString()),
    detached: scanned.map(({ isDetached }) => isDetached),
    rest: scanner.rest.toString(),
  }
}

describe('the syntax of detach keys', () => {
  test.each([
    ['ctrl-p,ctrl-q', [16, 17]],
    ['', [16, 17]],
    ['ctrl-@,ctrl-a,ctrl-z', [0, 1, 26]],
    ['ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [27, 28, 29, 30, 31]],
    ['a,B,7', [97, 66, 55]],
    ['DEL', [127]],
  ])('%s', (keys, bytes) => expect([...parseDetachKeys(keys)]).toEqual(bytes))

  test.each(['ctrl-', 'ctrl-P', 'ctrl-1', 'ab', 'a,,b', 'é'])('%s is refused', (keys) => {
    expect(() => parseDetachKeys(keys)).toThrow(InvalidOptionError)
    expect(() => parseDetachKeys(keys)).toThrow(`Invalid detach keys (${keys}) provided`)
  })
})

describe('a sequence in what is typed', () => {
  test('is found in one write, and what comes before it is passed on', () => {
    expect(scanAll('x,y', 'abxyz')).toEqual({ passed: ['ab'], detached: [true], rest: '' })
  })

  test('is found across writes', () => {
    expect(scanAll('x,y,z', 'ax', 'y', 'zb')).toEqual({
      passed: ['a', '', ''],
      detached: [false, false, true],
      rest: '',
    })
  })

  test('that breaks off is passed on', () => {
    expect(scanAll('x,y', 'x', 'a')).toMatchObject({ passed: ['', 'xa'], detached: [false, false] })
  })

  test('is found behind its own beginning', () => {
    expect(scanAll('x,y', 'xx', 'y')).toMatchObject({ passed: ['x', ''], detached: [false, true] })
    expect(scanAll('a,a,b', 'aaa', 'b')).toMatchObject({ passed: ['a', ''], detached: [false, true] })
    expect(scanAll('a,b,a,b,c', 'ababab', 'c')).toMatchObject({ passed: ['ab', ''], detached: [false, true] })
  })

  test('that has only begun is what is left', () => {
    expect(scanAll('x,y,z', 'axy')).toEqual({ passed: ['a'], detached: [false], rest: 'xy' })
  })
})
