import { expect, test } from 'vitest'
import { checkEndpointSettings } from './endpoint-settings.js'
import { sharedContainer } from './namespace-modes.js'
import { hasOwnNetwork } from './network-mode.js'
import { parseNetworking } from './networking.js'
import type { ContainerConfig, RunOptions } from './options.js'

// biome-ignore format: a table
test.each<[RunOptions, Partial<ContainerConfig>]>([
  [{}, { network: 'bridge', ports: [], publishAll: false, exposedPorts: [], links: [], networkAliases: [] }],
  [{ network: 'default' }, { network: 'bridge' }],
  [{ network: 'container:web' }, { network: 'container:web' }],
  [{ network: 'mine', networkAlias: ['db', 'pg.main'], ip: '10.0.0.5', ip6: 'fd00::5' }, { network: 'mine', networkAliases: ['db', 'pg.main'], ip: '10.0.0.5', ip6: 'fd00::5' }],
  [{ macAddress: '02-42-AC-11-00-02' }, { macAddress: '02:42:ac:11:00:02' }],
  [{ macAddress: '0242.ac11.0002' }, { macAddress: '02:42:ac:11:00:02' }],
  [{ expose: [80, '90/udp'], publish: ['8080:80', '70'] }, { exposedPorts: ['80/tcp', '90/udp', '70/tcp'] }],
  [{ publishAll: true }, { publishAll: true }],
  [{ link: ['db', 'cache:redis', '/old:/web/alias', { container: 'x' }, { container: 'y', alias: 'z' }] }, { links: [
    { container: 'db', alias: 'db' }, { container: 'cache', alias: 'redis' }, { container: 'old', alias: 'alias' }, { container: 'x', alias: 'x' }, { container: 'y', alias: 'z' }] }],
  [{ link: ['a:db', 'b:db', 'a:db'] }, { links: [{ container: 'a', alias: 'db' }] }],
  [{ network: 'host', publish: ['80'], publishAll: true, expose: ['81'] }, { network: 'host', publishAll: true, exposedPorts: ['81/tcp', '80/tcp'] }],
  [{ network: 'container:x', hostname: '', dns: [], publish: [], publishAll: false }, { network: 'container:x' }],
])('takes %j', (raw, config) => {
  expect(parseNetworking(raw)).toMatchObject(config)
})

const joined = { network: 'container:web' } as const
const host = { network: 'host' } as const
const ip = 'user specified IP address is supported on user defined networks only'
const alias = 'network-scoped alias is supported only for containers in user defined networks'

// In the words of Docker's daemon, or its client where that refuses first.
// biome-ignore format: a table
test.each<[RunOptions, string, string]>([
  [{ network: '' }, 'network', 'no name set for network'],
  [{ network: 'container:' }, 'network', 'Invalid network mode: invalid container format container:<name|id>'],
  [{ network: 'container' }, 'network', 'Invalid network mode: invalid container format container:<name|id>'],
  [{ ...joined, hostname: 'a' }, 'hostname', 'conflicting options: hostname and the network mode'],
  [{ ...joined, link: ['a'] }, 'link', "conflicting options: container type network can't be used with links. This would result in undefined behavior"],
  [{ ...joined, dns: ['1.1.1.1'] }, 'dns', 'conflicting options: dns and the network mode'],
  [{ ...joined, addHost: ['a:1.1.1.1'] }, 'addHost', 'conflicting options: custom host-to-IP mapping and the network mode'],
  [{ ...joined, macAddress: '02:42:ac:11:00:02' }, 'macAddress', 'conflicting options: mac-address and the network mode'],
  [{ ...joined, publish: ['80'] }, 'publish', 'conflicting options: port publishing and the container type network mode'],
  [{ ...joined, publishAll: true }, 'publishAll', 'conflicting options: port publishing and the container type network mode'],
  [{ ...joined, expose: ['80'] }, 'expose', 'conflicting options: port exposing and the container type network mode'],
  [{ ...joined, networkAlias: ['a'] }, 'networkAlias', alias],
  [{ ...joined, ip: '10.0.0.1' }, 'ip', ip],
  [{ ...host, link: ['a'] }, 'link', "conflicting options: host type networking can't be used with links. This would result in undefined behavior"],
  [{ ...host, macAddress: '02:42:ac:11:00:02' }, 'macAddress', 'conflicting options: mac-address and the network mode'],
  [{ ...host, ip: '10.0.0.1' }, 'ip', ip],
  [{ network: 'none', ip6: 'fd00::1' }, 'ip6', ip],
  [{ ip: '172.17.0.9' }, 'ip', ip],
  [{ networkAlias: ['db'] }, 'networkAlias', alias],
  [{ network: 'mine', ip: 'x' }, 'ip', 'invalid IPv4 address: x'],
  [{ network: 'mine', ip: '::1' }, 'ip', 'invalid IPv4 address: ::1'],
  [{ network: 'mine', ip6: '1.2.3.4' }, 'ip6', 'invalid IPv6 address: 1.2.3.4'],
  [{ network: 'mine', ip6: 'fe80::1%eth0' }, 'ip6', 'invalid IPv6 address: fe80::1%eth0'],
  [{ network: 'mine', networkAlias: ['a b'] }, 'networkAlias', 'invalid network alias: a b'],
  [{ network: 'mine', networkAlias: ['a\nb'] }, 'networkAlias', 'invalid network alias: a\nb'],
  [{ macAddress: 'x' }, 'macAddress', 'x is not a valid mac address'],
  [{ macAddress: '02:42:ac-11:00:02' }, 'macAddress', '02:42:ac-11:00:02 is not a valid mac address'],
  [{ macAddress: '01:00:5e:00:00:01' }, 'macAddress', '01:00:5e:00:00:01 is not a valid mac address: it is a multicast address'],
  [{ macAddress: '00:00:00:00:00:00' }, 'macAddress', '00:00:00:00:00:00 is not a valid mac address'],
  [{ link: [''] }, 'link', 'empty string specified for links'],
  [{ link: ['a:b:c'] }, 'link', 'bad format for links: a:b:c'],
  [{ link: ['a:'] }, 'link', 'bad format for links: a:'],
  [{ link: [':a'] }, 'link', 'bad format for links: :a'],
  [{ link: ['a:b c'] }, 'link', 'bad format for links: a:b c'],
  [{ link: [{ container: 'a', alias: 'b\n127.0.0.1' }] }, 'link', 'bad format for links: a:b'],
])('refuses %j', (raw, option, message) => {
  const details = expect.objectContaining({ option })
  expect(() => parseNetworking(raw)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
  expect(() => parseNetworking(raw)).toThrow(message)
})

test('only user-defined networks give addresses and aliases', () => {
  const asked = { ip: '10.0.0.1', aliases: ['db'] }
  expect(() => checkEndpointSettings(asked, true)).not.toThrow()
  expect(() => checkEndpointSettings(asked, false)).toThrow(ip)
  expect(() => checkEndpointSettings({ aliases: ['db'] }, false)).toThrow(alias)
  expect(() => checkEndpointSettings({ aliases: [] }, false)).not.toThrow()
})

test.each([
  ['bridge', true, undefined],
  ['none', true, undefined],
  ['host', false, undefined],
  ['container:a:b', false, 'a:b'],
])('network %s', (network, own, container) => {
  expect({ own: hasOwnNetwork(network), container: sharedContainer(network) }).toEqual({ own, container })
})

test('further networks are kept with what is asked of them', () => {
  const networks = [{ network: 'other', ip: '10.0.0.5', alias: 'db', macAddress: '02-42-AC-11-00-02' }]
  expect(parseNetworking({ network: 'mine', networks }).networks).toEqual([
    { network: 'other', settings: { ip: '10.0.0.5', aliases: ['db'], links: [], mac: '02:42:ac:11:00:02' } },
  ])
  expect(parseNetworking({ network: 'mine' })).not.toHaveProperty('networks')
})

test.each([
  ['host', 'other'],
  ['container:db', 'other'],
  ['none', 'other'],
  ['mine', 'host'],
])('%s and %s cannot be had together', (network, other) => {
  expect(() => parseNetworking({ network, networks: [{ network: other }] })).toThrow(
    'container sharing network namespace with another container or host cannot be connected to any other network',
  )
})
