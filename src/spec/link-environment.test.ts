import { expect, test } from 'vitest'
import { linkEnvironment } from './link-environment.js'

const environmentOf = (exposedPorts: readonly string[], environment: readonly string[] = []) =>
  linkEnvironment('web', { alias: 'db', address: '172.17.0.2', exposedPorts, environment })

// Docker's, from a container that was linked to another.
test('tells the lowest port, ranges of three, every port, the name and the variables, in Docker’s order', () => {
  const ports = ['5432/tcp', '80/tcp', '80/udp', '9/sctp', '7000/tcp', '7001/tcp', '7002/tcp', '9000/udp', '9001/udp']
  const own = ['POSTGRES_PASSWORD=x', 'PATH=/a', 'HOME=/h', 'HOSTNAME=zz', 'EMPTY=', 'UNSET', 'affinity:container=1']
  expect(environmentOf(ports, own)).toEqual([
    'DB_PORT=sctp://172.17.0.2:9',
    'DB_PORT_7000_TCP_START=tcp://172.17.0.2:7000',
    'DB_PORT_7000_TCP_ADDR=172.17.0.2',
    'DB_PORT_7000_TCP_PROTO=tcp',
    'DB_PORT_7000_TCP_PORT_START=7000',
    'DB_PORT_7000_TCP_END=tcp://172.17.0.2:7002',
    'DB_PORT_7000_TCP_PORT_END=7002',
    'DB_PORT_9_SCTP=sctp://172.17.0.2:9',
    'DB_PORT_9_SCTP_ADDR=172.17.0.2',
    'DB_PORT_9_SCTP_PORT=9',
    'DB_PORT_9_SCTP_PROTO=sctp',
    'DB_PORT_80_TCP=tcp://172.17.0.2:80',
    'DB_PORT_80_TCP_ADDR=172.17.0.2',
    'DB_PORT_80_TCP_PORT=80',
    'DB_PORT_80_TCP_PROTO=tcp',
    'DB_PORT_80_UDP=udp://172.17.0.2:80',
    'DB_PORT_80_UDP_ADDR=172.17.0.2',
    'DB_PORT_80_UDP_PORT=80',
    'DB_PORT_80_UDP_PROTO=udp',
    'DB_PORT_5432_TCP=tcp://172.17.0.2:5432',
    'DB_PORT_5432_TCP_ADDR=172.17.0.2',
    'DB_PORT_5432_TCP_PORT=5432',
    'DB_PORT_5432_TCP_PROTO=tcp',
    'DB_PORT_7000_TCP=tcp://172.17.0.2:7000',
    'DB_PORT_7000_TCP_PORT=7000',
    'DB_PORT_7001_TCP=tcp://172.17.0.2:7001',
    'DB_PORT_7001_TCP_ADDR=172.17.0.2',
    'DB_PORT_7001_TCP_PORT=7001',
    'DB_PORT_7001_TCP_PROTO=tcp',
    'DB_PORT_7002_TCP=tcp://172.17.0.2:7002',
    'DB_PORT_7002_TCP_ADDR=172.17.0.2',
    'DB_PORT_7002_TCP_PORT=7002',
    'DB_PORT_7002_TCP_PROTO=tcp',
    'DB_PORT_9000_UDP=udp://172.17.0.2:9000',
    'DB_PORT_9000_UDP_ADDR=172.17.0.2',
    'DB_PORT_9000_UDP_PORT=9000',
    'DB_PORT_9000_UDP_PROTO=udp',
    'DB_PORT_9001_UDP=udp://172.17.0.2:9001',
    'DB_PORT_9001_UDP_ADDR=172.17.0.2',
    'DB_PORT_9001_UDP_PORT=9001',
    'DB_PORT_9001_UDP_PROTO=udp',
    'DB_NAME=/web/db',
    'DB_ENV_POSTGRES_PASSWORD=x',
    'DB_ENV_HOSTNAME=zz',
    'DB_ENV_EMPTY=',
    'DB_ENV_affinity:container=1',
  ])
})

const withRange = (variables: readonly string[]) => variables.filter((variable) => /_(START|END)=/.test(variable))

// Docker counts ports of both protocols as one above the other.
test.each([
  [['1/tcp', '2/tcp'], []],
  [
    ['80/tcp', '80/udp', '82/tcp'],
    [
      'DB_PORT_80_TCP_START=tcp://172.17.0.2:80',
      'DB_PORT_80_TCP_PORT_START=80',
      'DB_PORT_80_TCP_END=tcp://172.17.0.2:82',
      'DB_PORT_80_TCP_PORT_END=82',
    ],
  ],
  [
    ['1/udp', '2/udp', '3/udp', '1/tcp', '2/tcp', '3/tcp'],
    [
      'DB_PORT_1_TCP_START=tcp://172.17.0.2:1',
      'DB_PORT_1_TCP_PORT_START=1',
      'DB_PORT_1_UDP_END=udp://172.17.0.2:3',
      'DB_PORT_1_UDP_PORT_END=3',
    ],
  ],
  [
    ['5/tcp', '6/tcp', '7/tcp', '1/tcp', '2/tcp', '3/tcp'],
    [
      'DB_PORT_1_TCP_START=tcp://172.17.0.2:1',
      'DB_PORT_1_TCP_PORT_START=1',
      'DB_PORT_1_TCP_END=tcp://172.17.0.2:3',
      'DB_PORT_1_TCP_PORT_END=3',
      'DB_PORT_5_TCP_START=tcp://172.17.0.2:5',
      'DB_PORT_5_TCP_PORT_START=5',
      'DB_PORT_5_TCP_END=tcp://172.17.0.2:7',
      'DB_PORT_5_TCP_PORT_END=7',
    ],
  ],
])('of ports %j the ranges are %j', (ports, ranges) => {
  expect(withRange(environmentOf(ports))).toEqual(ranges)
})

test('of one number TCP comes first, then SCTP, then UDP', () => {
  expect(environmentOf(['80/udp', '80/sctp'])[0]).toBe('DB_PORT=sctp://172.17.0.2:80')
  expect(environmentOf(['80/udp', '80/sctp', '80/tcp'])[0]).toBe('DB_PORT=tcp://172.17.0.2:80')
})

test('without ports and variables only the name is left; dashes of the alias become underscores', () => {
  const link = { alias: 'my-db.x', address: '172.17.0.2', exposedPorts: [], environment: [] }
  expect(linkEnvironment('web', link)).toEqual(['MY_DB.X_NAME=/web/my-db.x'])
})
