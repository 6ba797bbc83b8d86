import { expect, test } from 'vitest'
import { bridge } from '../../test/support/network-definition.js'
import type { ActiveEndpoint, NetworkDefinition } from '../network/definition.js'
import { normalizeOptions } from '../spec/index.js'
import { inspectHostConfig } from './inspect-host-config.js'
import { inspectNetworkSettings } from './inspect-network.js'
import type { ContainerEndpoint, ContainerNetworking } from './networking.js'

const id = 'df500af74ce6'.padEnd(64, '0')
const container = { id, name: 'web', hostname: '', pid: 77, exposedPorts: ['80/tcp', '5432/tcp'] }

const definition = (more: Partial<NetworkDefinition>): NetworkDefinition => ({
  ...bridge,
  subnets: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }],
  ...more,
})

const active: ActiveEndpoint = {
  id: 'e'.repeat(64),
  ipv4: '172.17.0.5',
  mac: '02:42:ac:11:00:05',
  hostInterface: 'veth1',
  interface: 'eth0',
}

const endpoint = (networkName: string, more: Partial<ContainerEndpoint>): ContainerEndpoint => ({
  networkId: `${networkName}-id`,
  networkName,
  definition: definition({}),
  settings: { aliases: [], links: [] },
  active: undefined,
  ...more,
})

const networking = (more: Partial<ContainerNetworking>): ContainerNetworking => ({
  endpoints: [],
  ports: [],
  links: [],
  linkedFrom: [],
  ...more,
})

const place = {
  EndpointID: 'e'.repeat(64),
  Gateway: '172.17.0.1',
  IPAddress: '172.17.0.5',
  IPPrefixLen: 16,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  MacAddress: '02:42:ac:11:00:05',
}
const noPlace = {
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  MacAddress: '',
}

test('on the default bridge, as Docker tells it, with the addresses at the first level, too', () => {
  const ports = [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, port: 80 } as const]
  expect(inspectNetworkSettings(container, networking({ endpoints: [endpoint('bridge', { active })], ports }))).toEqual(
    {
      Bridge: '',
      SandboxID: id,
      SandboxKey: '/proc/77/ns/net',
      Ports: { '5432/tcp': null, '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] },
      HairpinMode: false,
      LinkLocalIPv6Address: '',
      LinkLocalIPv6PrefixLen: 0,
      SecondaryIPAddresses: null,
      SecondaryIPv6Addresses: null,
      ...place,
      Networks: {
        bridge: {
          IPAMConfig: null,
          Links: null,
          Aliases: null,
          NetworkID: 'bridge-id',
          DriverOpts: null,
          DNSNames: null,
          ...place,
        },
      },
    },
  )
})

test('on networks with names: what was asked for, all names, the right subnets; nothing at the first level', () => {
  const subnets = [
    { subnet: '10.1.0.0/24', gateway: '10.1.0.1' },
    { subnet: '172.16.0.0/12', gateway: '172.17.0.1' },
    { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' },
  ]
  const settings = {
    ip: '172.17.0.5',
    ip6: 'fd00:9::99',
    aliases: ['zz'],
    links: [{ container: 'db', alias: 'pg' }],
  }
  const mine = endpoint('mine', {
    settings,
    definition: definition({ subnets }),
    active: { ...active, ipv6: 'fd00:9::99' },
  })
  const told = inspectNetworkSettings({ ...container, hostname: 'host' }, networking({ endpoints: [mine] }))
  expect(told).toMatchObject(noPlace)
  expect(told.Networks.mine).toEqual({
    IPAMConfig: { IPv4Address: '172.17.0.5', IPv6Address: 'fd00:9::99' },
    Links: ['db:pg'],
    Aliases: ['zz', 'df500af74ce6', 'host'],
    NetworkID: 'mine-id',
    DriverOpts: null,
    DNSNames: ['web', 'zz', 'df500af74ce6', 'host'],
    ...place,
    IPPrefixLen: 12,
    IPv6Gateway: 'fd00:9::1',
    GlobalIPv6Address: 'fd00:9::99',
    GlobalIPv6PrefixLen: 64,
  })
})

test('one that does not run has networks, but no addresses and no ports', () => {
  const endpoints = [endpoint('bridge', {}), endpoint('gone', { definition: undefined })]
  const told = inspectNetworkSettings({ ...container, pid: 0 }, networking({ endpoints }))
  expect(told).toMatchObject({ SandboxID: '', SandboxKey: '', Ports: {}, ...noPlace })
  expect(Object.keys(told.Networks)).toEqual(['bridge', 'gone'])
  expect(told.Networks.gone).toMatchObject(noPlace)
})

test('one that shares another’s network tells of none', () => {
  expect(inspectNetworkSettings(container, networking({}))).toMatchObject({ Networks: {}, Ports: {}, SandboxKey: '' })
})

const configOf = (options: object) =>
  normalizeOptions('x', ['true'], options, { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } })

test('the host configuration tells ports and links as Docker does', () => {
  const config = configOf({ publish: ['8080:80', '80', '127.0.0.1:90-95:91/udp'], publishAll: true })
  const links = [{ target: 'db', alias: 'pg' }]
  expect(inspectHostConfig(config, 'web', networking({ links }))).toMatchObject({
    NetworkMode: 'bridge',
    PublishAllPorts: true,
    PortBindings: {
      '80/tcp': [
        { HostIp: '', HostPort: '8080' },
        { HostIp: '', HostPort: '' },
      ],
      '91/udp': [{ HostIp: '127.0.0.1', HostPort: '90-95' }],
    },
    Links: ['/db:/web/pg'],
  })
  expect(inspectHostConfig(configOf({}), 'web', networking({}))).toMatchObject({ PortBindings: {}, Links: null })
})
