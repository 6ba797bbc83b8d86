import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { parseSize } from './size.js'

test.each([
  [0, 0],
  [1024, 1024],
  ['64', 64],
  ['64b', 64],
  ['64 k', 65_536],
  ['1K', 1024],
  ['1kb', 1024],
  ['1KiB', 1024],
  ['1.5g', 1_610_612_736],
  ['.5m', 524_288],
  ['2.M', 2_097_152],
  ['3T', 3_298_534_883_328],
  ['1p', 1_125_899_906_842_624],
  ['0.3', 0],
])('%j is %i bytes', (text, bytes) => {
  expect(parseSize('memory', text)).toBe(bytes)
})

test.each([
  ['', "invalid size: ''"],
  ['-1', "invalid size: '-1'"],
  [-1, "invalid size: '-1'"],
  [1.5, "invalid size: '1.5'"],
  [Number.NaN, "invalid size: 'NaN'"],
  ['m', "invalid size: 'm'"],
  ['1e3', "invalid size: '1e3'"],
  ['64x', "invalid suffix: 'x'"],
  ['64ib', "invalid suffix: 'ib'"],
  ['64bb', "invalid suffix: 'bb'"],
  ['64mm', "invalid suffix: 'mm'"],
  ['99999999p', "invalid size: '99999999p'"],
])('%j is refused: %s', (text, message) => {
  expect(() => parseSize('memory', text)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(/^invalid s/) }),
  )
  expect(() => parseSize('memory', text)).toThrow(message)
})

test('any text is bytes or a typed error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('0', '9', '.', ' ', '-', 'k', 'M', 'i', 'b', 'x') }), (text) => {
      try {
        expect(Number.isSafeInteger(parseSize('memory', text))).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(InboardError)
      }
    }),
  )
})

test('bytes read back as themselves in every unit', () => {
  fc.assert(
    fc.property(fc.nat(1023), fc.constantFrom('', 'k', 'm', 'g', 't'), (count, unit) => {
      expect(parseSize('memory', `${count}${unit}`)).toBe(count * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit))
    }),
  )
})
