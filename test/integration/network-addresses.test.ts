import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { addressOf } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'nettools'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

const idle = (image = 'busybox') => engine.run(image, ['sleep', '1000'])
const onNet = () => idle().network('net')
const dig = async (container: Container, ...question: string[]) =>
  (await container.exec(['dig', '+short', '+tries=1', '+time=20', ...question])).stdout.trim().split('\n')

test('addresses are given from the lowest, and given again once they are free', async () => {
  await engine.networks.create('net').subnet('10.60.0.0/24')
  const [one, two, three] = [await onNet(), await onNet(), await onNet()]
  const first = await Promise.all([one, two, three].map((container) => addressOf(container, 'net')))
  await two.stop({ timeoutMs: 0 })
  const four = await onNet()
  await two.start()
  await one.remove({ force: true })
  const five = await onNet()
  expect(first).toEqual(['10.60.0.2', '10.60.0.3', '10.60.0.4'])
  const later = await Promise.all([four, two, five].map((container) => addressOf(container, 'net')))
  expect(later).toEqual(['10.60.0.3', '10.60.0.5', '10.60.0.2'])
})

test('an address that was asked for is had, and with it the interface', async () => {
  await engine.networks.create('net').subnet('10.60.0.0/24', '2001:db8:60::/64').ipv6()
  const asked = onNet().ip('10.60.0.77').ip6('2001:db8:60::77').macAddress('02:42:0a:00:00:99')
  const { stdout } = await (await asked).exec(['ip', 'addr', 'show', 'eth0'])
  expect(stdout).toContain('inet 10.60.0.77/24 brd 10.60.0.255 ')
  expect(stdout).toContain('inet6 2001:db8:60::77/64 ')
  expect(stdout).toContain('link/ether 02:42:0a:00:00:99 ')
})

test('containers of a network with IPv6 speak it with each other, by name', async () => {
  await engine.networks.create('net').subnet('2001:db8:60::/64').ipv6()
  await onNet().name('neighbour')
  const { exitCode, stdout } = await engine
    .run('nettools', ['ping', '-6', '-c1', '-W20', 'neighbour'])
    .network('net')
    .rm()
    .output()
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining('(2001:db8:60::2)')])
})

test('an address that is taken, outside, or of a network without a subnet of its own is refused in Docker’s words', async () => {
  await engine.networks.create('net').subnet('10.60.0.0/24')
  await engine.networks.create('picked')
  await onNet().ip('10.60.0.5')
  const start = (network: string, ip: string) => engine.run('busybox', ['true']).network(network).ip(ip).rm()
  await expect(start('net', '10.60.0.5')).rejects.toThrow('Address already in use')
  await expect(start('net', '10.61.0.5')).rejects.toThrow('does not belong to any of this network')
  const picked = 'user specified IP address is supported only when connecting to networks with user configured subnets'
  await expect(start('picked', '172.18.0.9')).rejects.toThrow(picked)
  const byDefault = 'user specified IP address is supported on user defined networks only'
  await expect(start('bridge', '172.17.0.9')).rejects.toThrow(byDefault)
})

test('aliases, short ids and names are answered, aliases of several in turns, and addresses by name.network', async () => {
  await engine.networks.create('net').subnet('10.60.0.0/24')
  const asking = await idle('nettools').network('net').name('asking')
  const one = await onNet().name('one').networkAlias('pool')
  await onNet().name('two').networkAlias('pool')
  const answers = await Promise.all(Array.from({ length: 12 }, () => dig(asking, 'pool')))
  expect(new Set(answers.map((answer) => [...answer].sort().join()))).toEqual(new Set(['10.60.0.3,10.60.0.4']))
  expect(new Set(answers.map(([first]) => first))).toEqual(new Set(['10.60.0.3', '10.60.0.4']))
  expect(await dig(asking, one.id.slice(0, 12))).toEqual(['10.60.0.3'])
  expect(await dig(asking, 'one.net')).toEqual(['10.60.0.3'])
  expect(await dig(asking, '-x', '10.60.0.4')).toEqual(['two.net.'])
})

test('names are answered from the moment they are given until they are taken away', async () => {
  const net = await engine.networks.create('net').subnet('10.60.0.0/24').internal()
  const asking = await idle('nettools').network('net')
  const other = await onNet().name('before')
  await other.rename('after')
  const renamed = [await dig(asking, 'before'), await dig(asking, 'after')]
  await other.stop({ timeoutMs: 0 })
  const stopped = await dig(asking, 'after')
  await other.start()
  const started = await dig(asking, 'after')
  await net.disconnect(other)
  const disconnected = await dig(asking, 'after')
  expect(renamed).toEqual([[''], ['10.60.0.3']])
  expect([stopped, started, disconnected]).toEqual([[''], ['10.60.0.3'], ['']])
})
