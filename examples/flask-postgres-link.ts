// A Flask application and its PostgreSQL, joined by a link as the first tutorials do: the application finds `db` in its hosts
// file, and what it needs to know of it in its environment.
//
//   npx tsx examples/flask-postgres-link.ts
import { fileURLToPath } from 'node:url'
import { Engine } from 'inboard'
import { exec, port } from 'inboard/wait'

await using engine = await Engine.open()
// Whatever is made in a scope goes with it, also when this process is killed.
await using scope = engine.scope()

await engine.build(fileURLToPath(new URL('webapp', import.meta.url))).tag('webapp')

// docker run -d --name db -e POSTGRES_PASSWORD=secret postgres:15
await scope
  .run('postgres:15')
  .name('db')
  .env({ POSTGRES_PASSWORD: 'secret' })
  .waitFor(exec(['pg_isready', '--host', '127.0.0.1']))

// docker run -d -p 127.0.0.1::5000 --link db:db webapp
const web = await scope.run('webapp').link('db:db').publish('127.0.0.1::5000').waitFor(port(5000))

const { stdout } = await web.exec(['env'])
for (const line of stdout.split('\n').filter((line) => /^DB_(NAME|PORT_5432_TCP_PORT)=/.test(line))) console.log(line)

const [address] = await web.port(5000)
for (let visit = 1; visit <= 2; visit++) console.log(await (await fetch(`http://${address}`)).text())
