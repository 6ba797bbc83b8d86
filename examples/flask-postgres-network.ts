// A Flask application and its PostgreSQL on a network of their own, where they find each other by name; the database's files are
// in a volume. Another network cannot reach the database, until it is connected.
//
//   npx tsx examples/flask-postgres-network.ts
import { fileURLToPath } from 'node:url'
import { Engine } from 'inboard'
import { exec, port } from 'inboard/wait'

await using engine = await Engine.open()
// Whatever is made in a scope goes with it, also when this process is killed.
await using scope = engine.scope()

await engine.build(fileURLToPath(new URL('webapp', import.meta.url))).tag('webapp')

// docker network create backend; docker run -d --name db --network backend -v visits:/var/lib/postgresql/data postgres:15
const backend = await scope.network('backend')
await scope.volume('visits')
const db = scope
  .run('postgres:15')
  .name('db')
  .network('backend')
  .env({ POSTGRES_PASSWORD: 'secret' })
  .volume('visits:/var/lib/postgresql/data')
  .waitFor(exec(['pg_isready', '--host', '127.0.0.1']))
const first = await db

const web = await scope
  .run('webapp')
  .network('backend')
  .env({ DB_PASSWORD: 'secret' })
  .publish('127.0.0.1::5000')
  .waitFor(port(5000))
const visit = async () => {
  const [address] = await web.port(5000)
  return (await fetch(`http://${address}`)).text()
}
console.log(await visit())

// A new database on the same files: the name leads to it at once, and the volume remembers.
await first.stop()
await first.close()
await db.env({})
console.log(await visit())

// docker network create frontend; docker network connect
const frontend = await scope.network('frontend')
const client = await scope
  .run('debian', ['sleep', 'infinity'])
  .init()
  .network('frontend')
  .dnsOption('timeout:1', 'attempts:1')
const find = async () => ((await client.exec(['getent', 'hosts', 'db'])).exitCode === 0 ? 'finds' : 'does not find')
console.log(`from ${frontend.name} a client ${await find()} db`)
await backend.connect(client)
console.log(`connected to ${backend.name} it ${await find()} db`)
