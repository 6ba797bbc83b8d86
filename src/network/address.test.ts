import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressBytes,
  addressFromBytes,
  equalAddresses,
  formatAddress,
  formatMac,
  macOf,
  parseAddress,
  parseMac,
} from './address.js'

const address = fc.oneof(
  fc.bigInt(0n, (1n << 32n) - 1n).map((value) => ({ family: 4 as const, value })),
  fc.bigInt(0n, (1n << 128n) - 1n).map((value) => ({ family: 6 as const, value })),
  // With runs of zeros.
  fc.array(fc.constantFrom<bigint>(0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 }).map((groups) => ({
    family: 6 as const,
    value: groups.reduce((value, group) => (value << 16n) | group, 0n),
  })),
)

/** The WHATWG URL parser writes IPv6 by RFC 5952 too, but for the mapped form. */
function asUrl(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

describe('addresses', () => {
  it('are read as they are written', () => {
    fc.assert(
      fc.property(address, (one) => {
        expect(parseAddress(formatAddress(one))).toEqual(one)
        expect(addressFromBytes(addressBytes(one))).toEqual(one)
      }),
    )
  })

  it.each([
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['0:0:0:0:0:ffff:c000:0201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s is written as %s', (text, written) => {
    expect(formatAddress(parseAddress(text))).toBe(written)
  })

  it('are written as URLs have them, and accepted where Node accepts them', () => {
    const groups = fc.array(fc.constantFrom('0', '00', '1', 'ab', 'ffff', ''), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(groups, (some) => {
        const text = some.join(':')
        fc.pre(text.includes(':') && isIPv6(text) && !formatAddress(parseAddress(text)).includes('.'))
        expect(formatAddress(parseAddress(text))).toBe(asUrl(text))
      }),
    )
    fc.assert(
      fc.property(groups, (some) => {
        const text = some.join(':')
        fc.pre(text.includes(':') && !isIPv6(text))
        expect(() => parseAddress(text)).toThrow('invalid IP address')
      }),
    )
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '010.1.1.1',
    '1.2.3.256',
    '1.2.3.-4',
    '0x7f.0.0.1',
    ' 1.2.3.4',
    '1.2.3.4\n',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8::',
    'fe80::1%eth0',
    '::1.2.3',
    '12345::',
    '[::1]',
  ])('%j is none', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('are equal only within a family', () => {
    expect(equalAddresses(parseAddress('0.0.0.1'), parseAddress('::1'))).toBe(false)
    expect(equalAddresses(parseAddress('0::1'), parseAddress('::1'))).toBe(true)
  })
})

describe('hardware addresses', () => {
  it('are derived from addresses as Docker does it', () => {
    expect(formatMac(macOf(parseAddress('172.17.0.2')))).toBe('02:42:ac:11:00:02')
  })

  it('are read strictly', () => {
    expect(formatMac(parseMac('02:42:AC:11:00:02'))).toBe('02:42:ac:11:00:02')
    expect(() => parseMac('02:42:ac:11:00')).toThrow('02:42:ac:11:00 is not a valid mac address')
  })
})
