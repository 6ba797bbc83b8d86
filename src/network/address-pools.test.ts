import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress } from './address.js'
import { checkSubnetFree, dockerAddressPools, normalizeAddressPools, pickSubnet } from './address-pools.js'
import { formatSubnet, overlaps, parseSubnet, type Subnet, splitSubnet, subnetOf } from './subnet.js'

function picked(count: number, used: readonly string[] = []): string[] {
  const taken = used.map(parseSubnet)
  for (let at = 0; at < count; at++) taken.push(pickSubnet(dockerAddressPools, 4, taken))
  return taken.slice(used.length).map(formatSubnet)
}

const block: fc.Arbitrary<Subnet> = fc
  .tuple(fc.nat({ max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([last, prefix]) => subnetOf(parseAddress(`10.0.0.${last}`), prefix))

describe('pickSubnet', () => {
  it("goes through Docker's pools in order", () => {
    const sixteens = Array.from({ length: 15 }, (_, at) => `172.${17 + at}.0.0/16`)
    const twenties = Array.from({ length: 16 }, (_, at) => `192.168.${16 * at}.0/20`)
    expect(picked(31)).toEqual([...sixteens, ...twenties])
  })

  it('avoids whatever shares an address with a block', () => {
    expect(picked(2, ['172.17.200.0/24', '172.18.0.0/15'])).toEqual(['172.20.0.0/16', '172.21.0.0/16'])
    expect(picked(1, ['172.16.0.0/12', '192.168.1.1/32'])).toEqual(['192.168.16.0/20'])
    expect(picked(1, ['10.0.0.0/8', 'fd00::/8'])).toEqual(['172.17.0.0/16'])
  })

  it("says in Docker's words that nothing is left", () => {
    const everything = [parseSubnet('128.0.0.0/1')]
    expect(() => pickSubnet(dockerAddressPools, 4, everything)).toThrow(
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    )
    expect(() => pickSubnet(dockerAddressPools, 6, [])).toThrow(
      expect.objectContaining({ code: 'ADDRESSES_EXHAUSTED', details: { family: 6 } }),
    )
  })

  it('finds the first free block whatever is used', () => {
    const pools = normalizeAddressPools([{ base: '10.0.0.0/24', size: 28 }])
    const blocks = [...splitSubnet(parseSubnet('10.0.0.0/24'), 28)]
    fc.assert(
      fc.property(fc.array(block, { maxLength: 12 }), (used) => {
        const free = blocks.find((candidate) => !used.some((subnet) => overlaps(subnet, candidate)))
        fc.pre(free !== undefined)
        expect(pickSubnet(pools, 4, used)).toEqual(free)
      }),
    )
  })

  it('steps over what fills most of a pool that cannot be counted', () => {
    const pools = normalizeAddressPools([{ base: 'fd00::/8', size: 64 }])
    expect(formatSubnet(pickSubnet(pools, 6, [parseSubnet('fd00::/9'), parseSubnet('fd80::/64')]))).toBe(
      'fd80:0:0:1::/64',
    )
  })
})

describe('normalizeAddressPools', () => {
  it.each([
    [[{ base: '10.0.0.0/16', size: 8 }], 'invalid pool size 8: give a prefix length from 16 to 32'],
    [[{ base: '10.0.0.0/16', size: 33 }], 'invalid pool size 33'],
    [[{ base: '10.0.0.0/16', size: 20.5 }], 'invalid pool size 20.5'],
    [[{ base: '10.0.0.1/16', size: 24 }], 'it should be 10.0.0.0/16'],
    [
      [
        { base: '10.0.0.0/16', size: 24 },
        { base: '10.0.128.0/17', size: 24 },
      ],
      'it overlaps 10.0.0.0/16',
    ],
  ])('refuses %j', (pools, message) => {
    expect(() => normalizeAddressPools(pools)).toThrow(message)
  })
})

describe('checkSubnetFree', () => {
  it("refuses another network's subnet, or a part of it", () => {
    const networks = [parseSubnet('10.1.0.0/16')]
    expect(() => checkSubnetFree(parseSubnet('10.1.2.0/24'), networks)).toThrow(
      'Pool overlaps with other one on this address space',
    )
    expect(() => checkSubnetFree(parseSubnet('10.2.0.0/16'), networks)).not.toThrow()
  })
})
