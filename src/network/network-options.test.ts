import { describe, expect, it } from 'vitest'
import { formatAddress } from './address.js'
import { type CreateNetworkOptions, defineNetwork, normalizeNetwork } from './network-options.js'
import { formatSubnet } from './subnet.js'
import { defineSubnet } from './subnets.js'

const normalize = (options: CreateNetworkOptions = {}) => normalizeNetwork('net', options)
const define = (options: CreateNetworkOptions = {}) => {
  const request = normalize(options)
  return defineNetwork(
    request,
    'ab'.repeat(32),
    request.subnets.map((subnet) => defineSubnet(subnet, false)),
  )
}

describe('a network that is to be made', () => {
  it('is a bridge of its own by default, with an IPv4 subnet that is yet to be picked', () => {
    expect(define()).toEqual({
      driver: 'bridge',
      internal: false,
      attachable: false,
      ipv6: false,
      subnets: [],
      options: {},
      ipamDriver: 'default',
      ipamOptions: {},
      labels: {},
      interface: 'br-abababababab',
      icc: true,
      masquerade: true,
      hostBinding: '0.0.0.0',
      mode: '',
    })
    expect(normalize().picked).toEqual([4])
  })

  it('has what every option of Docker says', () => {
    const options = {
      'com.docker.network.bridge.name': 'mybr0',
      'com.docker.network.driver.mtu': '1400',
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.bridge.enable_ip_masquerade': '0',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      unknown: 'kept',
    }
    const given: CreateNetworkOptions = {
      subnet: ['2001:db8:5::/64', '10.81.0.0/16'],
      gateway: ['2001:db8:5::9', '10.81.0.254'],
      ipRange: '10.81.5.0/24',
      auxAddress: { a: '10.81.5.0', b: '10.81.5.1' },
      ipv6: true,
      internal: true,
      attachable: true,
      label: { tier: 'front' },
      option: options,
      ipamOption: { o: 'p' },
    }
    expect(define(given)).toEqual({
      driver: 'bridge',
      internal: true,
      attachable: true,
      ipv6: true,
      subnets: [
        {
          subnet: '10.81.0.0/16',
          range: '10.81.5.0/24',
          gateway: '10.81.0.254',
          isGatewayGiven: true,
          auxAddresses: { a: '10.81.5.0', b: '10.81.5.1' },
        },
        { subnet: '2001:db8:5::/64', gateway: '2001:db8:5::9', isGatewayGiven: true },
      ],
      options,
      ipamDriver: 'default',
      ipamOptions: { o: 'p' },
      labels: { tier: 'front' },
      interface: 'mybr0',
      mtu: 1400,
      icc: false,
      masquerade: false,
      hostBinding: '127.0.0.1',
      mode: '',
    })
    expect(normalize(given).picked).toEqual([])
  })

  it.each([
    [{ ipv6: true }, [4, 6]],
    [{ subnet: 'fd00::/64' }, [4]],
    [{ subnet: '10.0.0.0/24', ipv6: true }, [6]],
    [{ ipamDriver: 'null', ipv6: true }, []],
  ])('of %j has subnets of the families %j picked', (options, picked) => {
    expect(normalize(options).picked).toEqual(picked)
  })

  it.each([
    [
      { driver: 'macvlan', option: { parent: 'eth0' } },
      { interface: 'eth0', mode: 'bridge', internal: false },
    ],
    [
      { driver: 'macvlan', option: { macvlan_mode: 'vepa' } },
      { interface: 'dm-abababababab', mode: 'vepa', internal: true },
    ],
    [
      { driver: 'ipvlan', option: { parent: 'eth0.10', ipvlan_mode: 'l3' } },
      { interface: 'eth0.10', mode: 'l3' },
    ],
    [{ driver: 'ipvlan' }, { interface: 'dm-abababababab', mode: 'l2', internal: true, masquerade: false }],
  ])('of %j has %j', (options, expected) => {
    expect(define(options)).toMatchObject(expected)
  })

  it('may have several subnets of a family with macvlan, each with its gateway', () => {
    const { subnets } = normalize({
      driver: 'macvlan',
      subnet: ['10.1.0.0/24', '10.2.0.0/24'],
      gateway: ['10.2.0.9', '10.1.0.9'],
    })
    expect(subnets.map(({ subnet, gateway }) => [formatSubnet(subnet), gateway && formatAddress(gateway)])).toEqual([
      ['10.1.0.0/24', '10.1.0.9'],
      ['10.2.0.0/24', '10.2.0.9'],
    ])
  })

  it.each([
    [{ subnet: 'bad' }, 'Invalid subnet bad : invalid CIDR address: bad'],
    [{ subnet: '10.0.0.0/33' }, 'Invalid subnet 10.0.0.0/33 : invalid CIDR address: 10.0.0.0/33'],
    [{ subnet: ['10.20.0.0/16', '10.20.1.0/24'] }, 'multiple overlapping subnet configuration is not supported'],
    [{ subnet: ['10.20.0.0/16', '10.21.0.0/24'] }, "bridge driver doesn't support multiple subnets"],
    [{ subnet: '10.20.0.0/16', gateway: '10.21.0.1' }, 'no matching subnet for gateway 10.21.0.1'],
    [{ subnet: '10.20.0.0/16', gateway: 'bad' }, 'no matching subnet for gateway bad'],
    [{ gateway: '10.21.0.1' }, 'every ip-range or gateway must have a corresponding subnet'],
    [{ ipRange: '10.21.0.0/24' }, 'every ip-range or gateway must have a corresponding subnet'],
    [{ subnet: '10.20.0.0/16', ipRange: '10.21.0.0/24' }, 'no matching subnet for range 10.21.0.0/24'],
    [{ subnet: '10.20.0.0/16', auxAddress: { a: '10.21.0.1' } }, 'no matching subnet for aux-address 10.21.0.1'],
    [{ auxAddress: { a: '10.20.0.1' } }, 'no matching subnet for aux-address 10.20.0.1'],
    [
      { subnet: '10.20.0.0/16', gateway: ['10.20.0.1', '10.20.0.2'] },
      'every ip-range or gateway must have a corresponding',
    ],
    [
      { subnet: ['10.20.0.0/16', 'fd00::/64'], gateway: ['10.20.0.1', '10.20.0.2'] },
      'cannot configure multiple gateways (10.20.0.2) for the same subnet (10.20.0.0/16)',
    ],
    [
      { subnet: ['10.20.0.0/16', 'fd00::/64'], ipRange: ['10.20.1.0/24', '10.20.2.0/24'] },
      'cannot configure multiple ranges (10.20.2.0/24) on the same subnet (10.20.0.0/16)',
    ],
    [{ ipamDriver: 'null', subnet: '10.0.0.0/24' }, 'null ipam driver does not handle specific address pool requests'],
    [
      { option: { 'com.docker.network.driver.mtu': 'bad' } },
      'failed to parse com.docker.network.driver.mtu value: bad (strconv.Atoi: parsing "bad": invalid syntax)',
    ],
    [{ option: { 'com.docker.network.driver.mtu': '-1' } }, 'invalid MTU number: -1'],
    [
      { option: { 'com.docker.network.bridge.enable_icc': 'maybe' } },
      'failed to parse com.docker.network.bridge.enable_icc value: maybe (strconv.ParseBool: parsing "maybe": invalid syntax)',
    ],
    [
      { option: { 'com.docker.network.bridge.host_binding_ipv4': 'bad' } },
      'failed to parse com.docker.network.bridge.host_binding_ipv4 value: bad (nil ip)',
    ],
    [
      { option: { 'com.docker.network.bridge.name': 'averyveryverylongname' } },
      'an interface has a name of 1 to 15 bytes',
    ],
    [{ option: { 'com.docker.network.bridge.name': 'a/b' } }, 'an interface has a name of 1 to 15 bytes'],
    [{ driver: 'macvlan', option: { parent: 'lo' } }, 'loopback interface is not a valid macvlan parent link'],
    [
      { driver: 'macvlan', option: { macvlan_mode: 'bad' } },
      "requested macvlan mode 'bad' is not valid, 'bridge' mode is the macvlan driver default",
    ],
    [
      { driver: 'ipvlan', option: { ipvlan_mode: 'bad' } },
      "requested ipvlan mode 'bad' is not valid, 'l2' mode is the ipvlan driver default",
    ],
    [{ driver: 'ipvlan', option: { ipvlan_flag: 'bad' } }, "requested ipvlan flag 'bad' is not valid"],
    [{ label: { a: 1 } as never }, 'invalid option "label": give an object with strings'],
  ])('of %j is refused: %s', (options: CreateNetworkOptions, message) => {
    expect(() => normalize(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })

  it.each([{ driver: 'nosuch' }, { ipamDriver: 'nosuch' }])(
    'of %j, whose driver there is none of, is refused',
    (options) => {
      expect(() => normalize(options)).toThrow(
        expect.objectContaining({
          code: 'NETWORK_DRIVER_NOT_FOUND',
          message: expect.stringContaining('plugin "nosuch" not found'),
        }),
      )
    },
  )

  it.each(['bridge', 'host', 'none', 'default'])('cannot be called %s', (name) => {
    expect(() => normalizeNetwork(name, {})).toThrow(
      expect.objectContaining({
        code: 'NETWORK_PREDEFINED',
        message: expect.stringContaining(`operation is not permitted on predefined ${name} network`),
      }),
    )
  })

  it.each(['', 'a b', 'a\nb', '-x', 'a/b', 'n'.repeat(256)])('cannot be called %j', (name) => {
    expect(() => normalizeNetwork(name, {})).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  })

  it.each(['host', 'null'])('cannot be of the driver %s', (driver) => {
    expect(() => normalize({ driver })).toThrow(
      expect.objectContaining({
        code: 'NETWORK_PREDEFINED',
        message: `only one instance of "${driver}" network is allowed`,
      }),
    )
  })
})
