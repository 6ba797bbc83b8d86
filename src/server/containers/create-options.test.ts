import { expect, test } from 'vitest'
import { parse } from '../validation.js'
import { createDocument } from './create-document.js'
import { runOptions } from './create-options.js'

const options = (document: object, minor = 47) => runOptions(parse(createDocument, document), minor)

test('nothing said is no option but that nobody is attached', () => {
  expect(options({})).toEqual({
    env: [],
    attach: [],
    stdinOnce: false,
    volume: [],
    tmpfs: [],
    network: 'bridge',
    networks: [],
    link: [],
    publish: [],
    expose: [],
  })
})

test.each([
  [{ NanoCpus: 1_500_000_000 }, { cpus: 1.5 }],
  [
    { Memory: 0, MemorySwap: -1, PidsLimit: 0 },
    { memorySwap: -1, pidsLimit: 0 },
  ],
  [{ RestartPolicy: { Name: '' } }, {}],
  [
    { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
    { restart: { name: 'on-failure', maximumRetryCount: 3 } },
  ],
  [
    { MaskedPaths: [], ReadonlyPaths: ['/proc/bus'] },
    { maskedPaths: [], readonlyPaths: ['/proc/bus'] },
  ],
  [
    { PortBindings: { '80/tcp': [{ HostPort: '0' }] } },
    { publish: [{ port: '80', protocol: 'tcp' }], expose: ['80/tcp'] },
  ],
  [{ PortBindings: { '80/udp': [] } }, { publish: [], expose: ['80/udp'] }],
  [{ Links: ['/db:/web/pg'] }, { link: ['/db:/web/pg'] }],
  [
    {
      Mounts: [
        { Type: 'bind', Source: '/a', Target: '/b', BindOptions: { NonRecursive: true, Propagation: 'shared' } },
      ],
    },
    { mount: [{ type: 'bind', source: '/a', target: '/b', recursive: 'disabled', propagation: 'shared' }] },
  ],
  [
    {
      Mounts: [
        {
          Type: 'volume',
          Target: '/v',
          VolumeOptions: { DriverConfig: { Name: 'd', Options: { o: '1' } }, Subpath: 's' },
        },
      ],
    },
    {
      mount: [
        { type: 'volume', target: '/v', volumeOptions: { driver: 'd', driverOptions: { o: '1' }, subpath: 's' } },
      ],
    },
  ],
])('HostConfig %j', (HostConfig, expected) => {
  expect(options({ HostConfig })).toMatchObject(expected)
})

test('times of health checks become milliseconds', () => {
  expect(options({ Healthcheck: { Test: ['CMD', 'x'], Interval: 1_500_000, Timeout: 0 } }).healthcheck).toEqual({
    test: ['CMD', 'x'],
    interval: 1.5,
  })
  expect(options({ Healthcheck: { Test: [], Retries: 4 } }).healthcheck).toEqual({ retries: 4 })
})

test.each([
  ['', undefined, 'bridge', []],
  ['default', { default: {} }, 'bridge', []],
  ['host', undefined, 'host', []],
  ['', { mine: {} }, 'mine', []],
  ['b', { a: {}, b: {} }, 'b', ['a']],
  ['container:x', { a: {} }, 'container:x', []],
])('mode %j and endpoints %j', (NetworkMode, EndpointsConfig, network, others) => {
  const found = options({ HostConfig: { NetworkMode }, NetworkingConfig: { EndpointsConfig } })
  expect({ network: found.network, others: found.networks?.map(({ network }) => network) }).toEqual({ network, others })
})

test('an address of hardware is asked for in either place', () => {
  const MacAddress = '02:42:ac:11:00:02'
  expect(options({ MacAddress })).toMatchObject({ macAddress: MacAddress })
  expect(options({ NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress } } } })).toMatchObject({
    macAddress: MacAddress,
  })
})
