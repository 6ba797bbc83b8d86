import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, formatAddress, parseAddress } from './address.js'
import { allocateAddress, type NetworkSubnet, planSubnet, type TakenAddresses } from './address-allocation.js'
import { parseSubnet } from './subnet.js'

function plan(
  subnet: string,
  more: { range?: string; gateway?: string; aux?: Record<string, string> } = {},
): NetworkSubnet {
  return planSubnet({
    subnet: parseSubnet(subnet),
    range: more.range === undefined ? undefined : parseSubnet(more.range),
    gateway: more.gateway === undefined ? undefined : parseAddress(more.gateway),
    auxAddresses: Object.fromEntries(Object.entries(more.aux ?? {}).map(([name, text]) => [name, parseAddress(text)])),
  })
}

const takenOf = (addresses: readonly Address[]): TakenAddresses => ({
  has: ({ value }) => addresses.some((address) => address.value === value),
  count: (first, last) => addresses.filter(({ value }) => value >= first.value && value <= last.value).length,
})

function allocate(subnets: readonly NetworkSubnet[], taken: readonly string[] = [], requested?: string): string {
  const address = requested === undefined ? undefined : parseAddress(requested)
  const network = 'web (0123456789ab)'
  return formatAddress(
    allocateAddress({ subnets, taken: takenOf(taken.map(parseAddress)), requested: address, network }).address,
  )
}

describe('planSubnet', () => {
  it.each([
    ['172.17.0.0/16', {}, '172.17.0.1'],
    ['172.17.0.0/16', { gateway: '172.17.255.254' }, '172.17.255.254'],
    ['172.17.0.0/16', { range: '172.17.5.0/24' }, '172.17.5.0'],
    ['172.17.0.0/16', { aux: { router: '172.17.0.1' } }, '172.17.0.2'],
    ['10.0.0.0/31', {}, '10.0.0.0'],
    ['fd00::/64', {}, 'fd00::1'],
  ])('%s with %j has the gateway %s', (subnet, more, gateway) => {
    expect(formatAddress(plan(subnet, more).gateway)).toBe(gateway)
  })

  it.each([
    [{ gateway: '172.18.0.1' }, 'no matching subnet for gateway 172.18.0.1'],
    [{ gateway: 'fd00::1' }, 'no matching subnet for gateway fd00::1'],
    [{ range: '172.16.0.0/12' }, 'no matching subnet for range 172.16.0.0/12'],
    [{ aux: { printer: '10.0.0.1' } }, 'no matching subnet for aux-address 10.0.0.1'],
    [
      { gateway: '172.17.0.5', aux: { printer: '172.17.0.5' } },
      'failed to allocate secondary ip address (printer:172.17.0.5): Address already in use',
    ],
    [{ gateway: '172.17.0.0' }, 'failed to allocate gateway (172.17.0.0): Address already in use'],
    [{ gateway: '172.17.255.255' }, 'failed to allocate gateway (172.17.255.255): Address already in use'],
  ])('refuses %j', (more, message) => {
    expect(() => plan('172.17.0.0/16', more)).toThrow(message)
  })
})

describe('allocateAddress', () => {
  const subnet = plan('172.17.0.0/16')

  it('gives the lowest free address', () => {
    expect(allocate([subnet])).toBe('172.17.0.2')
    expect(allocate([subnet], ['172.17.0.2', '172.17.0.4'])).toBe('172.17.0.3')
  })

  it('gives what is asked for, also outside of the range', () => {
    expect(allocate([plan('172.17.0.0/16', { range: '172.17.5.0/24' })], [], '172.17.9.9')).toBe('172.17.9.9')
  })

  it.each(['172.17.0.1', '172.17.0.0', '172.17.255.255', '172.17.0.7'])('refuses %s, which is in use', (requested) => {
    expect(() => allocate([subnet], ['172.17.0.7'], requested)).toThrow(
      expect.objectContaining({ code: 'ADDRESS_IN_USE', details: { address: requested } }),
    )
  })

  it('refuses what is of no subnet', () => {
    expect(() => allocate([subnet], [], '10.0.0.1')).toThrow(
      "Invalid address 10.0.0.1: It does not belong to any of this network's subnets",
    )
  })

  it('goes on with the next subnet, and names the network when none has room', () => {
    const full = plan('10.0.0.0/30')
    expect(allocate([full, subnet], ['10.0.0.2'])).toBe('172.17.0.2')
    expect(() => allocate([full], ['10.0.0.2'])).toThrow(
      "no available IPv4 addresses on this network's address pools: web (0123456789ab)",
    )
  })

  it('hands out every address of the range once, and none that is reserved', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 30 }), fc.integer({ min: 0, max: 4 }), (prefix, narrower) => {
        const range = `10.0.0.0/${Math.min(prefix + narrower, 32)}`
        const aux = { first: '10.0.0.1' }
        const network = planSubnet({
          subnet: parseSubnet(`10.0.0.0/${prefix}`),
          range: parseSubnet(range),
          gateway: parseAddress('10.0.0.2'),
          auxAddresses: { first: parseAddress(aux.first) },
        })
        const size = 2 ** (32 - Math.min(prefix + narrower, 32))
        const reserved = [0, 1, 2, 2 ** (32 - prefix) - 1].filter((at) => at < size).length
        const taken: Address[] = []
        for (let at = 0; at < size - reserved; at++) {
          taken.push(allocateAddress({ subnets: [network], taken: takenOf(taken), network: 'n' }).address)
        }
        expect(new Set(taken.map(formatAddress)).size).toBe(size - reserved)
        expect(() => allocateAddress({ subnets: [network], taken: takenOf(taken), network: 'n' })).toThrow(
          'no available IPv4 addresses',
        )
      }),
      { numRuns: 40 },
    )
  })
})
