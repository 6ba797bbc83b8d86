import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode, WireError, WireMessage, type WireValue } from './wire.js'

const fields = fc.array(
  fc.tuple(
    fc.integer({ min: 1, max: 0x1fffff }),
    fc.oneof(
      fc.string(),
      fc.uint8Array(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.maxSafeInteger(),
      fc.boolean(),
    ),
  ),
)

/** As it is read again: defaults are not there. */
function read(message: WireMessage, field: number, value: WireValue): unknown {
  if (typeof value === 'string') return message.text(field)
  if (typeof value === 'object') return new Uint8Array(message.bytes(field) ?? [])
  return message.integer(field)
}

function written(value: WireValue): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? BigInt(value) : value
}

describe('a message', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(fields, (all) => {
        const unique = [...new Map(all)]
        const message = new WireMessage(encode(unique))
        for (const [field, value] of unique) expect(read(message, field, value)).toEqual(written(value))
      }),
    )
  })

  test('has what a repeated field has, in its order', () => {
    const message = new WireMessage(encode([2, 1, 3].map((value) => [7, value] as const)))
    expect(message.all(7)).toEqual([2n, 1n, 3n])
    expect(message.number(7)).toBe(3)
  })

  test('is written as the specification has it', () => {
    expect(
      encode([
        [1, 150],
        [2, 'testing'],
      ]).toString('hex'),
    ).toBe('089601120774657374696e67')
    expect(encode([[1, -2n]]).toString('hex')).toBe('08feffffffffffffffff01')
    expect(
      encode([
        [1, 0],
        [2, ''],
        [3, undefined],
        [4, false],
        [5, true],
      ]).toString('hex'),
    ).toBe('2801')
  })

  test('has fixed numbers too', () => {
    const message = new WireMessage(Buffer.from('0d01000000' + '110200000000000000', 'hex'))
    expect([message.number(1), message.number(2)]).toEqual([1, 2])
  })

  test.each([
    ['truncated bytes', '0a05'],
    ['a truncated number', '0880'],
    ['a number without an end', `08${'ff'.repeat(11)}`],
    ['field 0', '0001'],
    ['a group', '0b'],
    ['a length beyond everything', '0affffffffffffffffff01'],
  ])('of %s is refused', (_, hex) => {
    expect(() => new WireMessage(Buffer.from(hex, 'hex'))).toThrow(WireError)
  })

  test('whatever it is, is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          const message = new WireMessage(bytes)
          for (const field of [1, 2, 3]) message.all(field)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })

  test('of more fields than any has is refused', () => {
    expect(() => new WireMessage(Buffer.alloc(300_000, Buffer.from([8, 1])))).toThrow('too many fields')
  })

  test('tells numbers from bytes', () => {
    const message = new WireMessage(
      encode([
        [1, 1],
        [2, 'a'],
        [3, 2n ** 60n],
      ]),
    )
    expect(() => message.bytes(1)).toThrow(WireError)
    expect(() => message.integer(2)).toThrow(WireError)
    expect(() => message.number(3)).toThrow(WireError)
  })
})
