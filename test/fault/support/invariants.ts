import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { type Container, Engine } from '../../../src/index.js'
import { leaksOf } from '../../support/engine.js'
import { settled } from '../../support/settled.js'
import { timesTold } from './journal-faults.js'
import { timesLogged } from './lifecycle-scenario.js'
import type { Facts, Roots } from './scenario.js'

/**
 * Opens a root after whatever has happened to it, and says what is wrong: facts that do not hold, containers that are not
 * as they are recorded, things that nothing owns, and whatever is left when everything has been removed; and what `stray`
 * finds before and after that.
 */
export async function violations(
  roots: Roots,
  facts: Facts = {},
  stray: (roots: Roots) => string[] = () => [],
): Promise<string[]> {
  const engine = await Engine.open(roots)
  try {
    return [
      ...(await inconsistencies(engine, roots, facts)),
      ...(await settled(async () => stray(roots))),
      ...(await unusable(engine)),
      ...(await leftWhenEmpty(engine, roots)),
      ...(await settled(async () => stray(roots))),
    ]
  } finally {
    await engine.close()
  }
}

/** What is wrong with a root in use. */
export async function inconsistencies(engine: Engine, roots: Roots, facts: Facts = {}): Promise<string[]> {
  return [
    // Supervisors tell of ends, and record them, in their own time.
    ...(await settled(() => broken(engine, facts))),
    ...(await settled(() => misrecorded(engine))),
    ...unreferenced(roots),
    // What was loaded gets to the disk, and the mark of garbage goes, behind the answer.
    ...(await settled(async () => unowned(roots))),
  ]
}

const factOf = {
  image: imageFact,
  container: containerFact,
  volume: volumeFact,
  file: fileFact,
  event: eventFact,
  execs: execsFact,
  logged: loggedFact,
}

async function broken(engine: Engine, facts: Facts): Promise<string[]> {
  const wrong: string[] = []
  for (const [key, expected] of Object.entries(facts)) {
    const kind = key.slice(0, key.indexOf(' '))
    const name = key.slice(kind.length + 1)
    const actual = await factOf[kind as keyof typeof factOf](engine, name)
    if (!expected.split('|').includes(actual)) wrong.push(`lost: ${key} is ${actual}, not ${expected}`)
  }
  return wrong
}

const presence = (found: Promise<unknown>) =>
  found.then(
    () => 'present',
    () => 'absent',
  )

function imageFact(engine: Engine, name: string): Promise<string> {
  return presence(engine.images.get(name))
}

function volumeFact(engine: Engine, name: string): Promise<string> {
  return presence(engine.volumes.get(name))
}

/** The text of a file of a volume: `NAME/PATH`. */
async function fileFact(engine: Engine, path: string): Promise<string> {
  const [volume = '', ...parts] = path.split('/')
  const directory = mkdtempSync('/tmp/ib-file-')
  try {
    await (await engine.volumes.get(volume)).copyFrom(parts.join('/'), `${directory}/file`)
    return readFileSync(`${directory}/file`, 'utf8').trim()
  } catch (error) {
    return String(error)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function containerFact(engine: Engine, name: string): Promise<string> {
  const container = await engine.containers.get(name).catch(() => undefined)
  if (!container) return 'absent'
  const { State } = await container.inspect()
  return State.Status === 'exited' ? `exited ${State.ExitCode}` : State.Status
}

/** How often something was told of a container: `NAME/ACTION`. */
async function eventFact(engine: Engine, what: string): Promise<string> {
  return String(timesTold(engine, what))
}

/** How many execs of a container run. */
async function execsFact(engine: Engine, name: string): Promise<string> {
  const container = await engine.containers.get(name).catch(() => undefined)
  return container ? String(await runningExecs(container)) : 'none'
}

async function runningExecs(container: Container): Promise<number> {
  const execs = await Promise.all((await container.execs()).map((exec) => exec.inspect()))
  return execs.filter(({ Running }) => Running).length
}

/** Whether a driver has got a line, or gets it now: `1` once, or more often. */
async function loggedFact(engine: Engine, line: string): Promise<string> {
  const missing = await settled(async () => (timesLogged(engine, line) > 0 ? [] : [line]))
  return String(1 - missing.length)
}

/** A container that is said to run does, any other has nothing that runs; and nothing else is there. */
async function misrecorded(engine: Engine): Promise<string[]> {
  const wrong: string[] = []
  const running = new Set<string>()
  const known = new Set<string>()
  let execs = 0
  for (const { id, state } of await engine.containers.list({ all: true })) {
    known.add(id)
    if (state === 'removing') wrong.push(`container ${id} is half removed`)
    if (state === 'paused') running.add(id)
    if (state !== 'running') continue
    running.add(id)
    const container = await engine.containers.get(id)
    execs += await runningExecs(container)
    const result = await container.exec(['true']).then(
      ({ exitCode }) => exitCode,
      (error) => error,
    )
    if (result !== 0) wrong.push(`container ${id} does not run: ${result}`)
  }
  const owned = (leak: string) => {
    const id = /[0-9a-f]{64}/.exec(leak)?.[0] ?? ''
    // What containers have of networks and volumes is told by where it is, not by whose it is.
    if (/^(process|address|port|interface|element|name|loop device) ?/.test(leak)) return running.size > 0
    if (/^mount .*\/root\/volumes\/[^/]+\/_data /.test(leak)) return running.size > 0
    // Who sees an end while the supervisor still tears down leaves the run directory to the next start or removal.
    return /^(container|run) directory/.test(leak) ? known.has(id) : running.has(id)
  }
  const leaks = await engineLeaks(engine)
  const supervisors = leaks.filter((leak) => leak.startsWith('process')).length
  if (supervisors !== running.size + execs)
    wrong.push(`${supervisors} supervisors for ${running.size} containers and ${execs} execs`)
  return [...wrong, ...leaks.filter((leak) => !owned(leak))]
}

/** Rows that refer to what is not there, and volumes that containers count on. */
function unreferenced({ root }: Roots): string[] {
  const database = new Sqlite(`${root}/db/inboard.sqlite`, { readonly: true })
  const column = (query: string) => database.prepare<[], string>(query).pluck().all()
  try {
    return [
      ...column(`SELECT 'use of volume ' || volume || ' by ' || container || ' of which one is not there' FROM volume_uses
        WHERE volume NOT IN (SELECT name FROM volumes) OR container NOT IN (SELECT id FROM containers)`),
      ...column(`SELECT 'mount of volume ' || volume || ' that is not there' FROM volume_mounts
        WHERE volume NOT IN (SELECT name FROM volumes)`),
      ...column(`SELECT volume FROM volume_uses JOIN volumes ON volumes.name = volume
        JOIN containers ON containers.id = container WHERE is_prepared AND driver = 'local' AND options = '{}'`).flatMap(
        (name) => (existsSync(`${root}/volumes/${name}/_data`) ? [] : [`lost: the directory of volume ${name}`]),
      ),
    ]
  } finally {
    database.close()
  }
}

const engineLeaks = (engine: Engine) => leaksOf(engine.root.replace(/\/root$/, ''))

/** What is written aside, and must not outlive its writer. */
function unowned({ root, runRoot }: Roots): string[] {
  const found = (directory: string, pattern: RegExp) =>
    readdirSync(directory)
      .filter((name) => pattern.test(name))
      .map((name) => `aside: ${directory}/${name}`)
  return [
    ...found(root, /new|gone/),
    ...found(runRoot, /^\./),
    ...found(join(root, 'snapshots'), /^\.|^tmp-|^driver-/),
    ...found(join(root, 'content/ingest'), /./),
    ...(existsSync(join(root, 'gc.dirty')) ? ['the mark of garbage is left'] : []),
  ]
}

export async function removeAll(engine: Engine, { volumes = false } = {}): Promise<void> {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes })
}

/** A new container of any name that the scenarios use, where the image is there. */
async function unusable(engine: Engine): Promise<string[]> {
  if ((await imageFact(engine, 'busybox')) === 'absent') return []
  await removeAll(engine)
  const wrong: string[] = []
  for (const name of ['kept', 'brief', 'longer']) {
    const { stdout } = await engine.run('busybox', ['echo', name]).name(name).rm().output()
    if (stdout !== `${name}\n`) wrong.push(`a new container ${name} says ${stdout}`)
  }
  return wrong
}

async function leftWhenEmpty(engine: Engine, { root, runRoot }: Roots): Promise<string[]> {
  for (const { id } of await engine.images.list()) await engine.images.remove(id, { force: true })
  await engine.pruneBuildCache({ all: true })
  await engine.networks.prune()
  for (const { id } of await engine.snapshots.list()) await (await engine.snapshots.get(id)).remove()
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
  const left = (directory: string, ignored: RegExp) =>
    readdirSync(directory)
      .filter((name) => !ignored.test(name))
      .map((name) => `left: ${directory}/${name}`)
  return settled(async () => [
    ...(await engineLeaks(engine)),
    ...left(join(root, 'content/sha256'), /^$/),
    ...left(join(root, 'snapshots'), /^(driver|lock|empty-init)$/),
    ...left(join(root, 'volumes'), /^\.layers$/),
    ...left(runRoot, /^(engines|dns|made|networks|networks\.lock|owners|reuse|snapshots|volumes|builds)$/),
  ])
}

/** All names of failpoints, from the sources. */
export function failpointNames(): string[] {
  const names = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(join('src', file), 'utf8').matchAll(/\bfailpoint\('([^']+)'\)/g)])
    .map((match) => match[1] as string)
  return [...new Set(names)].sort()
}
