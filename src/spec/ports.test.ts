import { expect, test } from 'vitest'
import type { PortBinding } from './options.js'
import { parseExpose, parsePublish } from './ports.js'

const binding = (port: number, hostPort: number | readonly [number, number] = 0, more: Partial<PortBinding> = {}) => ({
  protocol: 'tcp',
  port,
  hostAddress: '',
  hostPort: typeof hostPort === 'number' ? [hostPort, hostPort] : hostPort,
  ...more,
})

const local = { hostAddress: '127.0.0.1' }
const udp = { protocol: 'udp' } as const

// As Docker's client takes them.
// biome-ignore format: a table
test.each<[string | number, readonly object[]]>([
  ['80', [binding(80)]],
  [80, [binding(80)]],
  ['8080:80', [binding(80, 8080)]],
  ['127.0.0.1:8080:80', [binding(80, 8080, local)]],
  ['127.0.0.1::80', [binding(80, 0, local)]],
  ['0.0.0.0:80:80', [binding(80, 80, { hostAddress: '0.0.0.0' })]],
  [':80:80', [binding(80, 80)]],
  ['::80', [binding(80)]],
  [':80', [binding(80)]],
  ['0:80', [binding(80)]],
  ['0080:80', [binding(80, 80)]],
  ['[::1]:80:80', [binding(80, 80, { hostAddress: '::1' })]],
  ['::1:80:80', [binding(80, 80, { hostAddress: '::1' })]],
  ['[::]:80:80', [binding(80, 80, { hostAddress: '::' })]],
  ['[127.0.0.1]:80:80', [binding(80, 80, local)]],
  ['[::1]::80', [binding(80, 0, { hostAddress: '::1' })]],
  ['80/udp', [binding(80, 0, udp)]],
  ['53:53/UDP', [binding(53, 53, udp)]],
  ['80/sctp', [binding(80, 0, { protocol: 'sctp' })]],
  ['80/', [binding(80)]],
  ['8000-8001', [binding(8000), binding(8001)]],
  ['127.0.0.1::80-81', [binding(80, 0, local), binding(81, 0, local)]],
  ['80-81:90-91/udp', [binding(90, 80, udp), binding(91, 81, udp)]],
  ['80-80:80-80', [binding(80, 80)]],
  ['80-90:80', [binding(80, [80, 90])]],
  ['127.0.0.1:80-82:80', [binding(80, [80, 82], local)]],
])('publish %j', (given, bindings) => {
  expect(parsePublish([given])).toEqual(bindings)
})

test('objects say the same', () => {
  expect(
    parsePublish([{ port: 80 }, { port: '80-81', hostPort: '90-91', hostAddress: '::1', protocol: 'udp' }]),
  ).toEqual([...parsePublish(['80']), ...parsePublish(['[::1]:90-91:80-81/udp'])])
})

test('what is given twice is published twice', () => {
  expect(parsePublish(['80', '80', '81:80'])).toEqual([binding(80), binding(80), binding(80, 81)])
})

// In the words of Docker's client.
// biome-ignore format: a table
test.each([
  ['x', 'invalid containerPort: x'],
  ['80x', 'invalid containerPort: 80x'],
  ['80 ', 'invalid containerPort: 80 '],
  ['65536', 'invalid containerPort: 65536'],
  ['80-70', 'invalid containerPort: 80-70'],
  ['80:a-b', 'invalid containerPort: a-b'],
  ['8080:0', 'invalid containerPort: 0'],
  ['80:', 'no port specified: 80:<empty>'],
  ['', 'no port specified: <empty>'],
  ['x:80', 'invalid hostPort: x'],
  ['-1:80', 'invalid hostPort: -1'],
  ['1.2.3.4:x:80', 'invalid hostPort: x'],
  ['127.0.0.1:99999:80', 'invalid hostPort: 99999'],
  ['127.0.0.1:80', 'invalid hostPort: 127.0.0.1'],
  ['1-2-3:80', 'invalid hostPort: 1-2-3'],
  ['1:2:3', 'invalid IP address: 1'],
  ['1:2:3:4', 'invalid IP address: 1:2'],
  ['1.2.3.4.5:80:80', 'invalid IP address: 1.2.3.4.5'],
  ['010.1.1.1:80:80', 'invalid IP address: 010.1.1.1'],
  ['[x]:80:80', 'invalid IP address: [x]'],
  ['localhost:80:80', 'invalid IP address: localhost'],
  ['::80:80', 'invalid IP address: :'],
  ['fe80::1%eth0:80:80', 'invalid IP address: fe80::1%eth0'],
  ['[::1]:80', "invalid IP address [:: address [::: missing ']' in address"],
  ['80:80-90', 'invalid ranges specified for container and host Ports: 80-90 and 80'],
  ['80-82:80-90', 'invalid ranges specified for container and host Ports: 80-90 and 80-82'],
  ['80/foo', 'invalid proto: foo'],
  ['80/udp/tcp', 'invalid proto: udp/tcp'],
  ['80\0', 'it holds a NUL character'],
  [1.5, 'invalid containerPort: 1.5'],
])('publish %j is refused', (given, message) => {
  const details = expect.objectContaining({ option: 'publish' })
  expect(() => parsePublish([given])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
  expect(() => parsePublish([given])).toThrow(message)
})

test.each([
  [
    [80, '90-92/udp'],
    ['80/tcp', '90/udp', '91/udp', '92/udp'],
  ],
  [
    ['80/', '80/TCP'],
    ['80/tcp', '80/tcp'],
  ],
])('expose %j', (given, ports) => {
  expect(parseExpose(given)).toEqual(ports)
})

test.each([
  ['x', 'invalid range format for --expose: x'],
  ['', 'invalid range format for --expose: '],
  ['80-70', 'invalid range format for --expose: 80-70'],
  ['70000', 'invalid range format for --expose: 70000'],
  ['80:80', 'invalid port format for --expose: 80:80'],
  ['80/foo', 'invalid proto: foo'],
])('expose %j is refused', (given, message) => {
  const details = expect.objectContaining({ option: 'expose' })
  expect(() => parseExpose([given])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
  expect(() => parseExpose([given])).toThrow(message)
})
