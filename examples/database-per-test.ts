// A fresh database for each test: PostgreSQL is started and filled once, and each test has a clone of it, made in a fraction of the
// time that a start takes; what one test does to its database no other sees.
//
//   npx tsx examples/database-per-test.ts
import { type Container, Engine } from 'inboard'
import { exec } from 'inboard/wait'

await using engine = await Engine.open()
await using scope = engine.scope()
const ready = exec(['pg_isready', '--host', '127.0.0.1'])

async function sql(db: Container, statement: string): Promise<string> {
  const { stdout, stderr, exitCode } = await db.exec(['psql', '-U', 'postgres', '-Atc', statement])
  if (exitCode !== 0) throw new Error(stderr)
  return stdout.trim()
}

const began = performance.now()
const original = await scope.run('postgres:15').env({ POSTGRES_PASSWORD: 'secret' }).waitFor(ready)
await sql(original, "create table people (name text); insert into people values ('Ada'), ('Grace')")
console.log(`started and filled in ${Math.round(performance.now() - began)} ms`)

// What is in its files is then nothing that a clone would have to replay.
await sql(original, 'checkpoint')
const template = await scope.use(original.snapshot())

/** A test with a database of its own, which is gone when it ends, however it ends. */
async function withDatabase(title: string, test: (db: Container) => Promise<string>): Promise<void> {
  const began = performance.now()
  await using db = await template.run().ephemeral().waitFor(ready)
  const ms = Math.round(performance.now() - began)
  console.log(`${title}: ${await test(db)} (its database was there after ${ms} ms)`)
}

// At the same time, each alone with its own.
await Promise.all([
  withDatabase('one adds', async (db) => {
    await sql(db, "insert into people values ('Edsger')")
    return sql(db, 'select count(*) from people')
  }),
  withDatabase('one removes', async (db) => {
    await sql(db, 'delete from people')
    return sql(db, 'select count(*) from people')
  }),
  withDatabase('one only reads', (db) => sql(db, "select string_agg(name, ' and ' order by name) from people")),
])
console.log(`the original has ${await sql(original, 'select count(*) from people')}`)
