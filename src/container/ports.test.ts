import { expect, test } from 'vitest'
import type { BoundPort } from '../network/definition.js'
import { type ContainerPort, formatPorts, portAddresses, publishedPorts, reachablePorts } from './ports.js'

const bound = (
  port: number,
  hostPort: number,
  hostAddress = '0.0.0.0',
  protocol: BoundPort['protocol'] = 'tcp',
): BoundPort => ({ protocol, hostAddress, hostPort, port })

const ports = [
  bound(99, 32_769, '::'),
  bound(99, 32_769),
  bound(80, 8080, '::'),
  bound(80, 8080),
  bound(81, 32_768, '127.0.0.1'),
  bound(82, 8082, '::1'),
  bound(90, 90, '0.0.0.0', 'udp'),
  bound(90, 90, '::', 'udp'),
  bound(91, 91, '0.0.0.0', 'udp'),
  bound(91, 91, '::', 'udp'),
]

test('published ports are told in order, IPv4 first', () => {
  expect(publishedPorts(ports.slice(0, 6))).toEqual({
    '80/tcp': [
      { hostAddress: '0.0.0.0', hostPort: 8080 },
      { hostAddress: '::', hostPort: 8080 },
    ],
    '81/tcp': [{ hostAddress: '127.0.0.1', hostPort: 32_768 }],
    '82/tcp': [{ hostAddress: '::1', hostPort: 8082 }],
    '99/tcp': [
      { hostAddress: '0.0.0.0', hostPort: 32_769 },
      { hostAddress: '::', hostPort: 32_769 },
    ],
  })
  expect(Object.keys(publishedPorts(ports))).toEqual(['80/tcp', '81/tcp', '82/tcp', '90/udp', '91/udp', '99/tcp'])
})

test.each([
  ['80', ['0.0.0.0:8080', '[::]:8080']],
  [80, ['0.0.0.0:8080', '[::]:8080']],
  ['82/tcp', ['[::1]:8082']],
  ['90/UDP', ['0.0.0.0:90', '[::]:90']],
])('port %j is reached at %j', (port, addresses) => {
  expect(portAddresses('web', ports, port)).toEqual(addresses)
})

test.each([
  ['80/udp', 'PORT_NOT_PUBLISHED', "No public port '80/udp' published for web"],
  [1, 'PORT_NOT_PUBLISHED', "No public port '1' published for web"],
  ['x', 'INVALID_OPTION', 'invalid port (x)'],
  ['80/foo', 'INVALID_OPTION', 'invalid port (80/foo)'],
])('port %j: %s', (port, code, message) => {
  const error = expect.objectContaining({ code, message: expect.stringContaining(message) })
  expect(() => portAddresses('web', ports, port)).toThrow(error)
})

const exposed = (...names: readonly string[]): ContainerPort[] =>
  names.map((name) => ({ port: Number.parseInt(name, 10), protocol: name.split('/')[1] as 'tcp' }))

// As docker ps prints them.
// biome-ignore format: a table
test.each<[readonly ContainerPort[], string]>([
  [ports, '0.0.0.0:90-91->90-91/udp, [::]:90-91->90-91/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 127.0.0.1:32768->81/tcp, [::1]:8082->82/tcp, 0.0.0.0:32769->99/tcp, [::]:32769->99/tcp'],
  [exposed('5432/tcp', '80/tcp', '80/udp', '9/sctp', '7001/tcp', '7000/tcp', '7002/tcp', '9000/udp', '9001/udp'), '80/tcp, 5432/tcp, 80/udp, 9/sctp, 7000-7002/tcp, 9000-9001/udp'],
  [[bound(80, 80), bound(81, 81), ...exposed('90/tcp', '1000/tcp', '1001/tcp'), bound(81, 32_768, '0.0.0.0', 'udp')], '90/tcp, 0.0.0.0:80-81->80-81/tcp, 1000-1001/tcp, 0.0.0.0:32768->81/udp'],
  [[], ''],
])('%j is the line %s', (given, line) => {
  expect(formatPorts(given)).toBe(line)
})

const networking = (isReachable: boolean) => ({
  endpoints: [{ active: isReachable ? place : undefined }],
  ports: [bound(80, 8080)],
})

const place = { id: 'e'.repeat(64), ipv4: '172.17.0.2', mac: '02:42:ac:11:00:02', hostInterface: '', interface: 'eth0' }

test('exposed ports are listed with the published ones, while it is on a network', () => {
  expect(reachablePorts(networking(true), ['80/tcp', '53/udp'])).toEqual([
    { port: 53, protocol: 'udp' },
    { port: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080 },
  ])
  expect(reachablePorts(networking(false), ['80/tcp'])).toEqual([])
})
