import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { OutsideHost } from '../support/own-network.js'
import { addressOf, body, listening, portOf } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'nettools', 'redis', 'nginx', 'postgres', 'flask'])
  engine = host.engine
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect([...left, ...(await namespaceLeaks())]).toEqual([])
})

const languages = `
import os
import psycopg2
from flask import Flask, jsonify

app = Flask(__name__)

@app.route('/languages')
def languages():
    with psycopg2.connect(host='db', user='postgres', password=os.environ['DB_PASSWORD']) as connection:
        with connection.cursor() as cursor:
            cursor.execute('select name from languages order by born')
            return jsonify([name for name, in cursor.fetchall()])

app.run(host='0.0.0.0', port=5000)
`

test('a Flask application asks PostgreSQL by its name on a network of their own', async () => {
  const network = await engine.networks.create('backend')
  const password = { POSTGRES_PASSWORD: 'secret' }
  const db = await engine.run('postgres:15').name('db').network('backend').env(password)
  const schema =
    "create table languages (name text, born int); insert into languages values ('Python', 1991), ('C', 1972)"
  await db.exec(['sh', '-c', 'until pg_isready --quiet --host 127.0.0.1; do sleep 0.05; done'])
  await db.exec(['psql', '--username', 'postgres', '--command', schema])
  const application = engine.run('flask', ['python', '-c', languages]).network('backend').publish('5000')
  const web = await listening(await application.env({ DB_PASSWORD: 'secret' }), 5000)
  const answer = JSON.parse(await body(`http://127.0.0.1:${await portOf(web, '5000/tcp')}/languages`))
  await web.remove({ force: true })
  await db.remove({ force: true })
  await network.remove()
  expect(answer).toEqual(['C', 'Python'])
})

test('redis-cli finds Redis through a link, by its hosts entry and its environment', async () => {
  const redis = await listening(await engine.run('redis:7').name('store').env({ ROLE: 'primary' }), 6379)
  const address = await addressOf(redis)
  const client = engine.run('redis:7', ['sh', '-c', 'redis-cli -h redis ping; env; cat /etc/hosts'])
  const { stdout } = await client.name('client').link('store:redis').rm().output()
  await redis.remove({ force: true })
  const lines = stdout.split('\n')
  expect(lines[0]).toBe('PONG')
  expect(lines.filter((line) => line.startsWith('REDIS_')).sort()).toEqual([
    'REDIS_ENV_ROLE=primary',
    'REDIS_NAME=/client/redis',
    `REDIS_PORT=tcp://${address}:6379`,
    `REDIS_PORT_6379_TCP=tcp://${address}:6379`,
    `REDIS_PORT_6379_TCP_ADDR=${address}`,
    'REDIS_PORT_6379_TCP_PORT=6379',
    'REDIS_PORT_6379_TCP_PROTO=tcp',
  ])
  expect(lines).toContain(`${address}\tredis ${redis.id.slice(0, 12)} store`)
})

test('several nginx share a range of ports, and are reached from everywhere', async () => {
  await using outside = await OutsideHost.connect()
  const ports = '8080-8082:80'
  const servers = await Promise.all([1, 2, 3].map(() => engine.run('nginx').publish(ports)))
  await Promise.all(servers.map((server) => listening(server, 80)))
  const published = (await Promise.all(servers.map((server) => portOf(server, '80/tcp')))).sort()
  const gateway = (await addressOf(servers[0])).replace(/\d+$/, '1')
  const local = ['127.0.0.1', '[::1]', gateway].flatMap((address) => published.map((port) => `${address}:${port}`))
  const pages = await Promise.all(local.map((address) => body(`http://${address}/`)))
  const script = `for port in ${published.join(' ')}; do wget -qO- http://${gateway}:$port/; done`
  const neighbour = await engine.run('busybox', ['sh', '-c', script]).rm().output()
  const abroad = [outside.gateway, `[${outside.gateway6}]`].map((address) => `http://${address}:8081/`)
  const fromOutside = await Promise.all(abroad.map((url) => outside.run('busybox', 'wget', '-qO-', url)))
  await Promise.all(servers.map((server) => server.remove({ force: true })))
  expect(published).toEqual(['8080', '8081', '8082'])
  expect(pages.filter((page) => page.includes('Welcome to nginx!'))).toHaveLength(local.length)
  expect(neighbour.stdout.match(/<title>Welcome to nginx!/g)).toHaveLength(3)
  expect(fromOutside.filter(({ stdout }) => stdout.includes('Welcome to nginx!'))).toHaveLength(2)
})

test('containers of two networks cannot ping each other, until one is connected to the other’s', async () => {
  const one = await engine.networks.create('one')
  const other = await engine.networks.create('other')
  const web = await engine.run('nettools', ['sleep', '1000']).name('web').network('one')
  // Names that nobody has are asked of the host's servers, which are not there.
  const impatient = engine.run('nettools', ['sleep', '1000']).dnsOption('timeout:1', 'attempts:1')
  const db = await impatient.name('db').network('other')
  const ping = async (target: string) => (await db.exec(['ping', '-c1', '-W1', target])).exitCode
  const apart = [await ping(await addressOf(web, 'one')), await ping('web')]
  await other.connect(web)
  const together = [await ping('web'), await ping(await addressOf(web, 'other'))]
  const name = (await db.exec(['sh', '-c', 'ping -c1 -W1 web | head -2'])).stdout
  await other.disconnect(web)
  const again = await ping('web')
  await Promise.all([web, db].map((container) => container.remove({ force: true })))
  await Promise.all([one, other].map((network) => network.remove()))
  expect(apart).toEqual([1, 2])
  expect(together).toEqual([0, 0])
  expect(name).toMatch(/web\.other/)
  expect(again).toBe(2)
})
