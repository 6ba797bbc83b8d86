import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { Engine, InboardError } from '../../src/index.js'
import { testEngine } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { inconsistencies, removeAll, violations } from './support/invariants.js'
import { archivesIn, newPlace, type Place, rootsOf } from './support/place.js'
import { runProgram } from './support/program.js'

test('without descriptors every verb does its work or says EMFILE, and keeps none', async () => {
  await using host = await testEngine(['busybox'])
  const argument = { roots: rootsOf(host), most: 40 }
  const lines = await runProgram('exhausted', argument, ['prlimit', '--nofile=200:200'])
  const said = lines.slice(0, -1) as { free: number; verb: string; code: string }[]
  const codes = [...new Set(said.map(({ code }) => code))]
  console.log(`${said.length} verbs with 0 to 40 free descriptors: ${codes.join(', ')}`)
  expect(codes.filter((code) => !['done', 'SYSCALL_FAILED EMFILE', 'SYSCALL_FAILED EIO'].includes(code))).toEqual([])
  expect(said.filter(({ free, code }) => free === 40 && code !== 'done')).toEqual([])
  const { before, after } = lines.at(-1) as { before: number; after: number }
  expect(after).toBeLessThanOrEqual(before)
  expect(await violations(rootsOf(host))).toEqual([])
})

test('a thousand containers in one process cost it no descriptor and leave nothing', async () => {
  await using host = await testEngine(['busybox'])
  const [said] = await runProgram('many', { roots: rootsOf(host), count: 1000 })
  expect(said).toMatchObject({ left: [] })
  const { before, after } = said as { before: number; after: number }
  expect(after).toBeLessThanOrEqual(before)
  expect(await host.leaks()).toEqual([])
})

/** A root on a filesystem of its own that is soon full. */
function small(options: string): Place {
  const place = newPlace()
  const root = place.roots.root
  mkdirSync(root)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=755,${options}`, 'inboard-test', root])
  onTestFinished(async () => {
    const engine = await Engine.open(place.roots)
    await removeAll(engine)
    await engine.close()
    // Also when a test that failed has left an engine open.
    execFileSync('umount', ['--lazy', root])
    place[Symbol.dispose]()
  })
  return place
}

/** Until not one byte more can be written. */
function fill(file: string, bytes: number): void {
  for (let size = bytes; size >= 1; size = Math.floor(size / 2))
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
}

test('on a full disk every verb does its work or says ENOSPC, what runs goes on, and space given back is enough', async () => {
  const place = small('size=24m')
  const archives = await archivesIn(place)
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  const running = await engine.run('busybox', ['sleep', '1000']).name('longer')
  const ballast = `${place.roots.root}/ballast`
  const verbs = {
    load: () => engine.images.load(imageArchive('debian')),
    import: () => engine.images.import(archives.rootfs, { reference: 'imported' }),
    create: () => engine.run('busybox', ['true']).create(),
    run: () => engine.run('busybox', ['sh', '-c', 'echo text > /file']).rm().output(),
    exec: () => running.exec(['true']),
    stop: async () => (await engine.run('busybox', ['sleep', '1000']).name('stopped')).stop({ timeoutMs: 1 }),
  }
  const codes = new Map<string, string>()
  // With all the space taken, and with a little left.
  for (const left of [0, 8, 64, 512].map((kilobytes) => kilobytes * 1024)) {
    fill(ballast, 1024 * 1024)
    if (left > 0) execFileSync('truncate', ['-s', `-${left}`, ballast])
    for (const [name, verb] of Object.entries(verbs)) {
      const code = await verb().then(
        () => 'done',
        (error) =>
          error instanceof InboardError ? `${error.code} ${error.details.errno ?? ''}` : `untyped: ${error.stack}`,
      )
      codes.set(`${name} with ${left}`, code)
    }
    rmSync(ballast)
    const stopped = await engine.containers.get('stopped').catch(() => undefined)
    await stopped?.remove({ force: true })
  }
  console.log([...codes].map((entry) => entry.join(': ')).join('\n'))
  expect(codes.get('load with 0')).toBe('SYSCALL_FAILED ENOSPC')
  expect([...codes.values()].filter((code) => !/^done$|ENOSPC|LAUNCH_FAILED 28/.test(code))).toEqual([])
  expect((await running.inspect()).State.Running).toBe(true)
  expect(await inconsistencies(engine, place.roots)).toEqual([])
  await engine.images.import(archives.rootfs, { reference: 'imported' })
  await engine.close()
  expect(await violations(place.roots, { 'image imported': 'present', 'container longer': 'running' })).toEqual([])
})

test('without inodes the same', async () => {
  const place = small('size=64m,nr_inodes=900')
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  const { files, ffree } = statfsSync(place.roots.root)
  expect(files).toBe(900)
  mkdirSync(`${place.roots.root}/ballast`)
  for (let n = 0; n < ffree - 1; n++) writeFileSync(`${place.roots.root}/ballast/${n}`, '')
  await expect(engine.run('busybox', ['true']).rm().output()).rejects.toMatchObject({ details: { errno: 'ENOSPC' } })
  await expect(engine.images.load(imageArchive('debian'))).rejects.toMatchObject({ details: { errno: 'ENOSPC' } })
  rmSync(`${place.roots.root}/ballast`, { recursive: true })
  expect((await engine.run('busybox', ['true']).rm().output()).exitCode).toBe(0)
  await engine.close()
  expect(await violations(place.roots, { 'image busybox': 'present' })).toEqual([])
})
