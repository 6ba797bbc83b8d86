import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { addressOf, listening } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'nettools'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  for (const name of await engine.networks.prune()) expect(name).toBe('front')
  expect(await host.leaks()).toEqual([])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

const idle = () => engine.run('busybox', ['sleep', '1000'])
const hostsOf = async (container: Container) => (await container.exec(['cat', '/etc/hosts'])).stdout.split('\n')
const shortId = ({ id }: Container) => id.slice(0, 12)

test('a link’s hosts entry and its variables follow the source when it restarts with another address', async () => {
  const db = await idle().name('db').expose('5432')
  const web = await idle().name('web').link('db:data')
  const first = await addressOf(db)
  const before = await hostsOf(web)
  await db.stop({ timeoutMs: 0 })
  await idle().name('filler')
  await db.start()
  const second = await addressOf(db)
  expect(second).not.toBe(first)
  expect(before).toContain(`${first}\tdata ${shortId(db)} db`)
  expect(await hostsOf(web)).toContain(`${second}\tdata ${shortId(db)} db`)
  expect((await web.exec(['env'])).stdout).toContain(`DATA_PORT=tcp://${second}:5432\n`)
})

test('links are told by inspect, and as names of the source', async () => {
  const db = await idle().name('db')
  const web = await idle().name('web').link('db')
  expect((await web.inspect()).HostConfig.Links).toEqual(['/db:/web/db'])
  const listed = (await engine.containers.list()).find(({ id }) => id === db.id)
  expect(listed?.names).toEqual(['db', 'web/db'])
  expect((await engine.containers.get('web/db')).id).toBe(db.id)
})

test('variables name every exposed port, the lowest one first, and ranges by their ends', async () => {
  await idle().name('db').expose('9000/udp', '8000-8002', '22').env({ MODE: 'fast', PATH: '/bin' })
  const { stdout } = await engine.run('busybox', ['env']).name('web').link('db:my-db').rm().output()
  const variables = new Map(stdout.split('\n').map((line) => line.split(/=(.*)/s) as [string, string]))
  const address = (variables.get('MY_DB_PORT') ?? '').slice('tcp://'.length, -':22'.length)
  expect(Object.fromEntries([...variables].filter(([name]) => name.startsWith('MY_DB')))).toEqual({
    MY_DB_NAME: '/web/my-db',
    MY_DB_ENV_MODE: 'fast',
    MY_DB_PORT: `tcp://${address}:22`,
    MY_DB_PORT_22_TCP: `tcp://${address}:22`,
    MY_DB_PORT_22_TCP_ADDR: address,
    MY_DB_PORT_22_TCP_PORT: '22',
    MY_DB_PORT_22_TCP_PROTO: 'tcp',
    MY_DB_PORT_8000_TCP_START: `tcp://${address}:8000`,
    MY_DB_PORT_8000_TCP_END: `tcp://${address}:8002`,
    MY_DB_PORT_8000_TCP_PORT_START: '8000',
    MY_DB_PORT_8000_TCP_PORT_END: '8002',
    ...Object.fromEntries([8000, 8001, 8002].flatMap((port) => portVariables(port, 'tcp', address))),
    ...Object.fromEntries(portVariables(9000, 'udp', address)),
  })
})

const portVariables = (port: number, protocol: string, address: string) => {
  const name = `MY_DB_PORT_${port}_${protocol.toUpperCase()}`
  return [
    [name, `${protocol}://${address}:${port}`],
    [`${name}_ADDR`, address],
    [`${name}_PORT`, String(port)],
    [`${name}_PROTO`, protocol],
  ]
}

test('a link on a network of its own is a name only this container knows', async () => {
  await engine.networks.create('front')
  const db = await idle().name('db').network('front')
  const web = await idle().name('web').network('front').link('db:data')
  const other = await idle().name('other').network('front')
  const lookUp = async (container: Container) => (await container.exec(['nslookup', '-type=a', 'data'])).stdout
  expect(await lookUp(web)).toContain(`Address: ${await addressOf(db, 'front')}\n`)
  expect(await lookUp(other)).not.toContain('Name:')
  expect((await web.exec(['env'])).stdout).not.toContain('DATA_')
})

test.each([
  ['that is missing', 'nosuch:x', 'could not get container for nosuch: No such container: nosuch'],
  ['that does not run', 'created:x', 'Cannot link to a non running container: /created AS /web/x'],
  ['of another network', 'elsewhere:x', 'Cannot link to /elsewhere, as it does not belong to the default network'],
])('a link to a container %s is refused in Docker’s words', async (_, link, message) => {
  await engine.networks.create('front')
  await idle().name('elsewhere').network('front')
  await idle().name('created').create()
  await expect(engine.run('busybox', ['true']).name('web').link(link)).rejects.toThrow(message)
})

test('where neighbours are kept apart, a link opens the exposed ports of its source, and no others', async () => {
  const option = { 'com.docker.network.bridge.enable_icc': 'false' }
  await engine.networks.create('front').option(option)
  const script = 'mkdir /www; echo hi >/www/index.html; httpd -p 80 -h /www; exec httpd -f -p 81 -h /www'
  const db = await engine.run('busybox', ['sh', '-c', script]).network('front').name('db').expose('80')
  const curious = () => engine.run('nettools', ['sleep', '1000']).network('front')
  const linked = await curious().link('db:data')
  const other = await curious()
  await listening(db, 81)
  const url = `http://${await addressOf(db, 'front')}`
  const ask = async (container: Container, port: number, seconds: number) =>
    (await container.exec(['curl', '-sS', '--max-time', `${seconds}`, `${url}:${port}/`])).stdout
  expect([await ask(linked, 80, 20), await ask(linked, 81, 1), await ask(other, 80, 1)]).toEqual(['hi\n', '', ''])
})
