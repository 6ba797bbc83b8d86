import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { Engine, InboardError } from '../../src/index.js'
import { dockerArchive, tar } from '../support/archives.js'
import { leaksOf } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { settled } from '../support/settled.js'
import { removeAll, violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { Random, seed } from './support/random.js'
import { killIfThere } from './support/supervisors.js'

const place = (): Place => {
  const made = newPlace()
  onTestFinished(async () => {
    await using engine = await Engine.open(made.roots).catch(() => undefined)
    // Who still runs would write into what is removed.
    if (engine) await removeAll(engine)
    made[Symbol.dispose]()
  })
  return made
}

const databaseOf = ({ roots }: Place) => `${roots.root}/db/inboard.sqlite`

/** As the power failing would: every process of the root is gone, and what was on a tmpfs. */
async function reboot(at: Place): Promise<void> {
  for (const leak of await leaksOf(at.directory)) {
    const pid = /^process (\d+)$/.exec(leak)?.[1]
    if (pid) killIfThere(Number(pid))
  }
  await settled(async () => (await leaksOf(at.directory)).filter((leak) => leak.startsWith('process')))
  rmSync(at.roots.runRoot, { recursive: true })
  const database = new Sqlite(databaseOf(at))
  database.prepare("UPDATE containers SET boot_id = 'of the boot before' WHERE boot_id IS NOT NULL").run()
  database.close()
}

test('after a reboot what ran has exited with 255, what removes itself is gone, and all can start again', async () => {
  const at = place()
  const before = await Engine.open(at.roots)
  await before.images.load(imageArchive('busybox'))
  const kept = await before.run('busybox', ['sh', '-c', 'echo data >> /file; exec sleep 1000']).name('kept')
  await before.run('busybox', ['sleep', '1000']).name('brief').rm()
  await before.run('busybox', ['true']).name('made').create()
  const ended = await before.run('busybox', ['sh', '-c', 'exit 7']).name('ended')
  await ended.wait()
  await before.close()
  await reboot(at)

  const after = await Engine.open(at.roots)
  const states = (await after.containers.list({ all: true })).map(({ name, state, exitCode }) => [
    name,
    state,
    exitCode,
  ])
  expect(states).toEqual([
    ['ended', 'exited', 7],
    ['made', 'created', undefined],
    ['kept', 'exited', 255],
  ])
  const left = async () => (await leaksOf(at.directory)).filter((leak) => !leak.startsWith('container directory'))
  expect(await settled(left)).toEqual([])
  const again = await after.containers.get(kept.id)
  await again.start()
  expect((await again.exec(['cat', '/file'])).stdout).toContain('data\n')
  await after.close()
  expect(await violations(at.roots)).toEqual([])
})

test('after a power cut an image that it has torn is gone, and all else can be used', async () => {
  const at = place()
  const before = await Engine.open(at.roots)
  await before.images.load(imageArchive('busybox'))
  const archive = `${at.directory}/torn.tar`
  const layer = await tar({ 'bin/': '', 'bin/busybox': { mode: 0o755, content: readFileSync('/bin/busybox') } })
  writeFileSync(archive, await tar(dockerArchive({ layers: [layer] }, ['torn'])))
  const [torn] = await before.images.load(archive)
  const kept = await before.run('busybox', ['sh', '-c', 'echo data >> /file']).name('kept')
  await kept.wait()
  await before.run('torn', ['/bin/busybox', 'true']).name('broken').create()
  await before.close()
  const database = new Sqlite(databaseOf(at))
  for (const table of ['images', 'snapshots'])
    database.prepare(`UPDATE ${table} SET unsynced = 'of the boot before/1'`).run()
  const blob = database
    .prepare<[string], { blob: string }>('SELECT blob FROM image_layers WHERE image = ?')
    .get(torn?.id ?? '')
  database.close()
  truncateSync(`${at.roots.root}/content/sha256/${blob?.blob.slice('sha256:'.length)}`, 1000)
  await reboot(at)

  const after = await Engine.open(at.roots)
  expect((await after.images.list()).flatMap(({ repoTags }) => repoTags)).toEqual(['busybox:latest'])
  const again = await after.containers.get('kept')
  await again.start()
  expect((await again.wait()).exitCode).toBe(0)
  const broken = await after.containers.get('broken')
  await expect(broken.start()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  await after.images.load(archive)
  await broken.start()
  expect((await broken.wait()).exitCode).toBe(0)
  await after.close()
  expect(await violations(at.roots)).toEqual([])
})

test('a store of a newer version is refused, and what runs goes on running', async () => {
  const at = place()
  const before = await Engine.open(at.roots)
  await before.images.load(imageArchive('busybox'))
  await before.run('busybox', ['sleep', '1000']).name('kept')
  await before.close()
  const version = (to: number) => {
    const database = new Sqlite(databaseOf(at))
    const was = database.pragma('user_version', { simple: true }) as number
    database.pragma(`user_version = ${to}`)
    database.close()
    return was
  }
  const was = version(99)
  await expect(Engine.open(at.roots)).rejects.toMatchObject({ code: 'STORE_TOO_NEW', details: { version: 99 } })
  version(was)
  await using after = await Engine.open(at.roots)
  expect((await (await after.containers.get('kept')).inspect()).State.Running).toBe(true)
})

test('whatever is corrupt in the metadata is a typed error or changes nothing, never a crash', async () => {
  const at = place()
  const before = await Engine.open(at.roots)
  await before.images.load(imageArchive('busybox'))
  await (await before.run('busybox', ['true']).name('kept')).wait()
  await before.close()
  const file = databaseOf(at)
  const whole = readFileSync(file)
  const chosen = seed()
  const random = new Random(chosen)
  const codes = new Map<string, number>()
  const damages: (() => void)[] = [
    () => writeFileSync(file, 'this is no database, but long enough to have had a header of one'.repeat(100)),
    () => truncateSync(file, whole.length - 100),
    () => truncateSync(file, 4096),
    () => truncateSync(file, 50),
    ...Array.from({ length: 100 }, () => () => writeFileSync(file, damaged(whole, random))),
  ]
  for (const damage of damages) {
    for (const name of readdirSync(`${at.roots.root}/db`)) rmSync(`${at.roots.root}/db/${name}`)
    writeFileSync(file, whole)
    damage()
    const code = await useOf(at).then(
      () => 'works',
      (error) => (error instanceof InboardError ? error.code : `untyped: ${(error as Error).stack}`),
    )
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  console.log(
    `seed ${chosen}: ${damages.length} damaged stores: ${[...codes].map((entry) => entry.join(' ')).join(', ')}`,
  )
  expect(codes.get('STORE_CORRUPT')).toBeGreaterThanOrEqual(3)
  expect([...codes.keys()].filter((code) => code.startsWith('untyped'))).toEqual([])
  for (const name of readdirSync(`${at.roots.root}/db`)) rmSync(`${at.roots.root}/db/${name}`)
  writeFileSync(file, whole)
  expect(await violations(at.roots)).toEqual([])
})

/** Some bytes of one page are others. */
function damaged(whole: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(whole)
  let from = 0
  // Where something is written: most of a small database is empty.
  do from = random.below(bytes.length - 64)
  while (bytes[from] === 0)
  for (let n = 0; n < 64; n++) bytes[from + n] = random.below(256)
  return bytes
}

async function useOf({ roots }: Place): Promise<void> {
  await using engine = await Engine.open(roots)
  await engine.containers.list({ all: true })
  // Of a damaged name, nobody is asked.
  await engine.run('busybox', ['true']).pull('never').rm().output()
}

test('a root whose id is lost or damaged is refused, before anything is named after it', async () => {
  const at = place()
  const id = `${at.roots.root}/id`
  await (await Engine.open(at.roots)).close()
  writeFileSync(id, '')
  await expect(Engine.open(at.roots)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  writeFileSync(id, '../../x\n')
  await expect(Engine.open(at.roots)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  rmSync(id)
  await (await Engine.open(at.roots)).close()
  expect(existsSync(id)).toBe(true)
})

test('a layer whose files are gone is an error of the start that says so, and other images work', async () => {
  const at = place()
  const engine = await Engine.open(at.roots)
  await engine.images.load(imageArchive('busybox'))
  for (const name of readdirSync(`${at.roots.root}/snapshots`))
    if (/^[a-z2-7]{26}$/.test(name)) rmSync(`${at.roots.root}/snapshots/${name}`, { recursive: true })
  const failure = await engine
    .run('busybox', ['true'])
    .rm()
    .output()
    .catch((error) => error)
  expect(failure).toBeInstanceOf(InboardError)
  await engine.images.load(imageArchive('busybox'))
  expect((await engine.run('busybox', ['true']).rm().output()).exitCode).toBe(0)
  await engine.close()
  expect(await violations(at.roots)).toEqual([])
})
