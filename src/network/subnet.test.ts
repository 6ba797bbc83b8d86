import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress } from './address.js'
import {
  addressesIn,
  broadcastAddress,
  containsAddress,
  containsSubnet,
  firstAddress,
  formatSubnet,
  lastAddress,
  overlaps,
  parsePrefixed,
  parseSubnet,
  splitSubnet,
  subnetOf,
  subnetSize,
} from './subnet.js'

const small = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([last, prefix]) => subnetOf(parseAddress(`10.0.0.${last}`), prefix))

describe('subnets', () => {
  it('are read and written in CIDR notation', () => {
    expect(formatSubnet(parseSubnet('172.17.0.0/16'))).toBe('172.17.0.0/16')
    expect(formatSubnet(parseSubnet('FD00:0::/64'))).toBe('fd00::/64')
    expect(formatSubnet(parseSubnet('0.0.0.0/0'))).toBe('0.0.0.0/0')
  })

  it.each([
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
  ])('%j is none', (text) => {
    expect(() => parseSubnet(text)).toThrow(`invalid CIDR address: ${text}`)
  })

  it('have no bits behind the prefix, which interfaces may have', () => {
    expect(() => parseSubnet('172.17.0.1/16')).toThrow('invalid subnet 172.17.0.1/16: it should be 172.17.0.0/16')
    expect(parsePrefixed('172.17.0.1/16')).toEqual({ address: parseAddress('172.17.0.1'), prefix: 16 })
  })

  it('know their ends', () => {
    const subnet = parseSubnet('172.20.0.0/14')
    expect(formatAddress(firstAddress(subnet))).toBe('172.20.0.0')
    expect(formatAddress(lastAddress(subnet))).toBe('172.23.255.255')
    expect(broadcastAddress(subnet)).toEqual(lastAddress(subnet))
    expect(broadcastAddress(parseSubnet('10.0.0.0/31'))).toBeUndefined()
    expect(broadcastAddress(parseSubnet('fd00::/64'))).toBeUndefined()
    expect(subnetSize(parseSubnet('fd00::/64'))).toBe(1n << 64n)
  })

  it('are split into blocks and addresses, in order', () => {
    expect(Array.from(splitSubnet(parseSubnet('172.20.0.0/14'), 16), formatSubnet)).toEqual([
      '172.20.0.0/16',
      '172.21.0.0/16',
      '172.22.0.0/16',
      '172.23.0.0/16',
    ])
    expect(Array.from(addressesIn(parseSubnet('255.255.255.252/30')), formatAddress)).toEqual([
      '255.255.255.252',
      '255.255.255.253',
      '255.255.255.254',
      '255.255.255.255',
    ])
  })

  it('overlap when they share an address, and contain when all are shared', () => {
    fc.assert(
      fc.property(small, small, (one, other) => {
        const shared = [...addressesIn(one)].filter((address) => containsAddress(other, address))
        expect(overlaps(one, other)).toBe(shared.length > 0)
        expect(containsSubnet(other, one)).toBe(shared.length === Number(subnetSize(one)))
      }),
    )
  })

  it('of different families have nothing in common', () => {
    expect(overlaps(parseSubnet('0.0.0.0/0'), parseSubnet('::/0'))).toBe(false)
    expect(containsAddress(parseSubnet('::/0'), parseAddress('1.2.3.4'))).toBe(false)
  })
})
