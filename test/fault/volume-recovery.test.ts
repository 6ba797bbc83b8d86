import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { Engine, type VolumeDriver } from '../../src/index.js'
import { leaksOf } from '../support/engine.js'
import { settled } from '../support/settled.js'
import { removeAll, violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { killIfThere } from './support/supervisors.js'
import { makeDisk, strayVolumes, wholeOf, wholeText, writeVolumeImage } from './support/volume-place.js'

const tmpfs = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }

/** A root with the image of volumes, that nobody has open; nothing of it stays mounted. */
async function rootWithImage(big = 0): Promise<Place> {
  const place = newPlace()
  onTestFinished(async () => {
    const engine = await Engine.open(place.roots)
    await removeAll(engine, { volumes: true })
    await engine.close()
    place[Symbol.dispose]()
  })
  await using engine = await Engine.open(place.roots)
  await engine.images.load(await writeVolumeImage(`${place.directory}/image.tar`, { big }))
  return place
}

const processes = async ({ directory }: Place) =>
  (await leaksOf(directory)).filter((leak) => leak.startsWith('process'))

const volumeNames = async (engine: Engine) => (await engine.volumes.list()).map(({ name }) => name)

const shell = (engine: Engine, text: string) => engine.run('busybox', ['sh', '-c', text]).network('none')

const said = async (engine: Engine, text: string, ...volumes: string[]) =>
  (
    await shell(engine, text)
      .volume(...volumes)
      .rm()
      .output()
  ).stdout

test('what removes itself while no process looks takes its anonymous volumes with it, but not those of others', async () => {
  const place = await rootWithImage()
  const bound = `${place.directory}/bound`
  const before = await Engine.open(place.roots)
  const life = 'echo kept | tee /any/line /named/line >/bound/line; until test -e /bound/stop; do sleep 0.02; done'
  for (const name of ['alone', 'shared'])
    await shell(before, life).name(name).rm().volume('/any', `${name}-named:/named`, `${bound}:/bound`)
  await before.run('busybox').name('taker').network('none').volumesFrom('shared').create()
  await settled(async () => (existsSync(`${bound}/line`) ? [] : ['nothing written']))
  const taken = (await (await before.containers.get('taker')).inspect()).Mounts.flatMap(({ Name }) => Name ?? [])
  await before.close()
  writeFileSync(`${bound}/stop`, '')
  expect(await settled(() => processes(place))).toEqual([])

  await using after = await Engine.open(place.roots)
  expect((await after.containers.list({ all: true })).map(({ name }) => name)).toEqual(['taker'])
  expect(await volumeNames(after)).toEqual(['alone-named', ...taken].sort())
  expect(
    readdirSync(`${place.roots.root}/volumes`)
      .filter((name) => name !== '.layers')
      .sort(),
  ).toEqual(['alone-named', ...taken].sort())
  expect(await said(after, 'cat /named/line', 'alone-named:/named')).toBe('kept\n')
  const { stdout } = await shell(after, 'cat /any/line /named/line /own/word').volumesFrom('taker').rm().output()
  expect(stdout).toBe('kept\nkept\nowned\n')
  expect(readFileSync(`${bound}/line`, 'utf8')).toBe('kept\n')
  expect(await settled(async () => strayVolumes(place.roots))).toEqual([])
})

test('a full disk that ends a fill leaves no container and no volume, and space given back is enough', async () => {
  const place = newPlace()
  const { root } = place.roots
  mkdirSync(root)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755,size=32m', 'inboard-test', root])
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', root])
    place[Symbol.dispose]()
  })
  await using engine = await Engine.open(place.roots)
  await engine.images.load(await writeVolumeImage(`${place.directory}/image.tar`, { big: 400 }))
  const whole = await wholeOf(engine)
  // What it has removed itself with needs a disk, too.
  expect(await settled(() => leaksOf(place.directory))).toEqual([])
  const free = Number(/(\d+)\s+\d+%/.exec(execFileSync('df', ['--block-size=1', root], { encoding: 'utf8' }))?.[1])
  writeFileSync(`${root}/ballast`, Buffer.alloc(free - 2 ** 20))
  const builder = shell(engine, wholeText).volume('filled:/big', '/any')
  await expect(builder.create()).rejects.toMatchObject({ code: 'VOLUME_FAILED' })
  await expect(builder.rm().output()).rejects.toMatchObject({ code: 'VOLUME_FAILED' })
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await volumeNames(engine)).toEqual([])
  expect(await settled(() => leaksOf(place.directory))).toEqual([])
  rmSync(`${root}/ballast`)
  expect((await builder.rm().output()).stdout).toBe(whole)
})

test.each(['create', 'mount'] as const)(
  'a driver that hangs in %s leaves no container and no volume when the caller gives up',
  async (method) => {
    const place = await rootWithImage()
    const directory = `${place.directory}/hung`
    const giveUp = new AbortController()
    const hang = (): Promise<never> => {
      giveUp.abort(new Error('given up'))
      return new Promise(() => {})
    }
    const driver: VolumeDriver = {
      create: async (name) => void mkdirSync(`${directory}/${name}`, { recursive: true }),
      remove: async (name) => rmSync(`${directory}/${name}`, { recursive: true, force: true }),
      mount: async (name) => `${directory}/${name}`,
      unmount: async () => {},
    }
    const engine = await Engine.open({
      ...place.roots,
      volumeDrivers: { slow: { ...driver, [method]: hang }, quick: driver },
    })
    const run = (driver: string) =>
      shell(engine, 'cat /seed/word')
        .volume('/any')
        .mount({ type: 'volume', source: 'driven', target: '/seed', volumeOptions: { driver } })
    await expect(run('slow').signal(giveUp.signal).create()).rejects.toThrow('given up')
    expect(await engine.containers.list({ all: true })).toEqual([])
    expect(await volumeNames(engine)).toEqual([])
    expect((await run('quick').rm().output()).stdout).toBe('seeded\n')
    await (await engine.volumes.get('driven')).remove()
    expect(readdirSync(directory)).toEqual([])
    await engine.close()
    expect(await violations(place.roots, {}, strayVolumes)).toEqual([])
  },
)

test('a driver that hangs while a container starts leaves one that can be started, when the engine is closed', async () => {
  const place = await rootWithImage()
  const directory = `${place.directory}/hung`
  let isSlow = false
  let onMount = () => {}
  const mounting = new Promise<void>((resolve) => {
    onMount = resolve
  })
  const driver: VolumeDriver = {
    create: async (name) => void mkdirSync(`${directory}/${name}`, { recursive: true }),
    remove: async (name) => rmSync(`${directory}/${name}`, { recursive: true, force: true }),
    mount: (name) => {
      if (!isSlow) return Promise.resolve(`${directory}/${name}`)
      onMount()
      return new Promise(() => {})
    },
    unmount: async () => {},
  }
  const roots = { ...place.roots, volumeDrivers: { slow: driver } }
  const before = await Engine.open(roots)
  const volumeOptions = { driver: 'slow' }
  const builder = shell(before, 'cat /seed/word').name('waiting')
  const container = await builder.mount({ type: 'volume', source: 'driven', target: '/seed', volumeOptions }).create()
  isSlow = true
  const started = container.start().catch((error: { code?: string }) => error.code)
  await mounting
  await before.close()
  expect(await started).toBe('ENGINE_CLOSED')
  isSlow = false
  await using after = await Engine.open(roots)
  const again = await after.containers.get('waiting')
  await again.start()
  expect((await again.wait()).exitCode).toBe(0)
  await again.remove()
  await (await after.volumes.get('driven')).remove()
  expect(await settled(() => leaksOf(place.directory))).toEqual([])
})

/** As the power failing would: every process of the root is gone, and what was mounted, and what was on a tmpfs. */
async function reboot(place: Place): Promise<void> {
  for (const leak of await processes(place)) killIfThere(Number(leak.split(' ')[1]))
  await settled(() => processes(place))
  const table = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const mounted = table.flatMap((line) => line.split(' ')[4] ?? []).filter((path) => path.startsWith(place.directory))
  for (const path of mounted.reverse()) execFileSync('umount', ['--lazy', path])
  rmSync(place.roots.runRoot, { recursive: true })
  inStore(place, "UPDATE containers SET boot_id = 'of the boot before' WHERE boot_id IS NOT NULL")
}

function inStore({ roots }: Place, text: string): void {
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`)
  database.pragma('foreign_keys = OFF')
  database.exec(text)
  database.close()
}

test('after a reboot nothing is mounted, and what starts again has its volumes as they were, but for those in memory', async () => {
  const place = await rootWithImage()
  const before = await Engine.open(place.roots)
  await before.volumes.create('scratch', { driverOptions: tmpfs })
  await before.volumes.create('disk', { driverOptions: { type: 'ext4', device: makeDisk(place.roots) } })
  const mounts = ['data:/data', 'disk:/disk', 'scratch:/scratch', '/any']
  const kept = await shell(before, 'exec sleep 1000')
    .name('kept')
    .volume(...mounts)
  await shell(before, 'exec sleep 1000').name('brief').rm().volume('/any', 'scratch:/scratch')
  await kept.exec(['sh', '-c', 'echo kept | tee /data/line /disk/line /scratch/line /any/line /own/line; sync'])
  await before.close()
  await reboot(place)

  const after = await Engine.open(place.roots)
  const left = async () => (await leaksOf(place.directory)).filter((leak) => !leak.startsWith('container directory'))
  expect(await settled(left)).toEqual([])
  expect(strayVolumes(place.roots)).toEqual([])
  const again = await after.containers.get('kept')
  await again.start()
  const read = await again.exec(['sh', '-c', 'cat /data/line /disk/line /any/line /own/line /own/word; ls /scratch'])
  expect(read.stdout).toBe('kept\nkept\nkept\nkept\nowned\n')
  await again.remove({ force: true, volumes: true })
  await after.close()
  expect(await violations(place.roots, {}, strayVolumes)).toEqual([])
})

test('volumes of a store that is lost are found again as they were made, and none is taken for another', async () => {
  const place = await rootWithImage()
  const before = await Engine.open(place.roots)
  const disk = { type: 'ext4', device: makeDisk(place.roots), o: 'noatime' }
  await before.volumes.create('scratch', { driverOptions: tmpfs })
  await before.volumes.create('disk', { driverOptions: disk })
  await said(before, 'echo kept | tee /data/line /disk/line', 'data:/data', 'disk:/disk')
  await before.volumes.create('unreadable', { driverOptions: tmpfs })
  await before.close()
  inStore(place, 'DELETE FROM volumes')
  const options = `${place.roots.root}/volumes/unreadable/opts.json`
  rmSync(options)
  symlinkSync('/etc/passwd', options)

  await using after = await Engine.open(place.roots)
  expect(await volumeNames(after)).toEqual(['data', 'disk', 'scratch'])
  const inspected = await Promise.all(
    ['data', 'disk', 'scratch'].map(async (name) => (await (await after.volumes.get(name)).inspect()).Options),
  )
  expect(inspected).toEqual([null, disk, tmpfs])
  expect(await said(after, 'cat /data/line /disk/line', 'data:/data', 'disk:/disk')).toBe('kept\nkept\n')
  const { stdout } = await shell(after, 'cat /proc/mounts').volume('scratch:/scratch').rm().output()
  expect(stdout).toMatch(/^tmpfs \/scratch tmpfs .*size=1024k/m)
})
