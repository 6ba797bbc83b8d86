import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, Engine, Volume } from 'inboard'
import { imageArchive } from '../../test/support/images.js'
import { type Contender, inRounds } from '../images/rounds.js'
import { median, printTable, printTarget, quantile } from '../statistics.js'
import { execute, type Workspace } from '../workspace.js'

const image = 'postgres:15'
const data = '/var/lib/postgresql/data'
/** Of pgbench: 33 are 500 MB of a database. */
const scale = 33
const accounts = scale * 100_000

/** A clone of the volume of a database that has been stopped, beside a copy of it; and the database that a clone is. */
export async function measureClone(workspace: Workspace, engine: Engine, rounds: number): Promise<void> {
  await engine.images.load(imageArchive('postgres'))
  const source = await makeDatabase(engine)
  const { Mountpoint } = await source.inspect()
  // After the first clone what is shared is elsewhere: the copies come before it.
  const size = await megabytes(Mountpoint)
  const copy = copyOf(Mountpoint, join(workspace.directory, 'copied'))
  const copies = await inRounds([copy], rounds)
  await copy.prepare?.()
  const first = await firstClone(source)
  const clone = cloneOf(source)
  const times = new Map([...(await inRounds([clone], rounds)), ...copies])
  await clone.prepare?.()
  console.log(`\nclone of ${size} MB of PostgreSQL's data, milliseconds`)
  const answered = (contender: Contender) => (times.get(contender) ?? []).map((run) => run.answered)
  const figures = (values: readonly number[]) => [median(values), quantile(values, 1)].map((value) => value.toFixed(1))
  printTable(
    ['', 'median', 'longest'],
    [clone, copy].map((contender) => [contender.name, ...figures(answered(contender))]),
  )
  printTarget('clone of a volume, its first', first, 100, ' ms')
  printTarget('clone of a volume', median(answered(clone)), 100, ' ms')
  console.log(`clone / cp --archive: ${(median(answered(clone)) / median(answered(copy))).toFixed(4)}`)
  await printFirstAnswer(engine, source)
}

/** What `pgbench --initialize` makes, in a volume whose container has gone. */
async function makeDatabase(engine: Engine): Promise<Volume> {
  const container = await startDatabase(engine, 'pgdata')
  const command = ['pgbench', '--username', 'postgres', '--initialize', '--quiet', '--scale', String(scale), 'postgres']
  await answerOf(container, command)
  await container.stop({ timeoutMs: 60_000 })
  await container.remove()
  return engine.volumes.get('pgdata')
}

/** A container of the database, when it answers. */
async function startDatabase(engine: Engine, volume: string): Promise<Container> {
  const run = engine.run(image).volume(`${volume}:${data}`).env({ POSTGRES_PASSWORD: 'bench' }).shmSize('256m')
  const container = await run.network('none')
  await container.exec(['sh', '-c', 'until pg_isready --quiet; do sleep 0.01; done'])
  return container
}

async function answerOf(container: Container, command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await container.exec([...command])
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** The first one of a volume has to make of its files what can be shared. */
async function firstClone(source: Volume): Promise<number> {
  const start = performance.now()
  const clone = await source.clone('first')
  const took = performance.now() - start
  await clone.remove()
  return took
}

function cloneOf(source: Volume): Contender {
  let made: Volume | undefined
  return {
    name: 'inboard clone()',
    prepare: async () => {
      await made?.remove()
      made = undefined
    },
    run: async () => {
      made = await source.clone('clone')
    },
  }
}

function copyOf(source: string, target: string): Contender {
  return {
    name: 'cp --archive',
    prepare: () => rm(target, { recursive: true, force: true }),
    run: () => execute('cp', ['--archive', source, target]),
  }
}

/** From the call of clone() to a database that has counted all of its rows. */
async function printFirstAnswer(engine: Engine, source: Volume): Promise<void> {
  const start = performance.now()
  const clone = await source.clone('counted')
  const container = await startDatabase(engine, clone.name)
  const started = performance.now() - start
  const query = 'select count(*) from pgbench_accounts'
  const count = await answerOf(container, ['psql', '--username', 'postgres', '--tuples-only', '--command', query])
  await container.remove({ force: true })
  await clone.remove()
  if (Number(count) !== accounts) throw new Error(`the clone has ${count} accounts, not ${accounts}`)
  console.log(`clone and start of its database, until it answers: ${started.toFixed(0)} ms`)
}

async function megabytes(directory: string): Promise<string> {
  const { stdout } = await execute('du', ['--summarize', '--block-size=1000000', directory])
  return stdout.split('\t')[0] ?? ''
}
