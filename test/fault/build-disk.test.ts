import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BuildError, Engine, InboardError } from '../../src/index.js'
import { imageArchive } from '../support/images.js'
import { inconsistencies, violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'

const megabyte = 2 ** 20
/** What a build needs of the disk: its files, and a layer's archive of each. */
const needed = 2 * (4 + 8) * megabyte

let place: Place
let engine: Engine

/** A root on a filesystem of its own, of 96 MiB. */
beforeEach(async () => {
  place = newPlace()
  const { root } = place.roots
  const disk = `${place.directory}.disk`
  mkdirSync(root)
  writeFileSync(disk, '')
  truncateSync(disk, 96 * megabyte)
  execFileSync('mkfs.ext4', ['-q', '-m', '0', disk])
  execFileSync('mount', ['-o', 'loop', disk, root])
  engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
})

afterEach(async () => {
  await engine.close()
  execFileSync('umount', ['--lazy', place.roots.root])
  place[Symbol.dispose]()
  rmSync(`${place.directory}.disk`)
})

test('a RUN that writes more than there is room for tells it, leaves nothing, and the next build works', async () => {
  const failure = await failureOf(build('RUN dd if=/dev/zero of=/big bs=1M count=200'))
  expect(failure).toBeInstanceOf(BuildError)
  expect(failure).toMatchObject({ exitCode: 1, output: expect.stringContaining('No space left on device') })
  await expectUsable()
})

test('so does one whose files leave no room for their archive', async () => {
  const failure = await failureOf(build('RUN dd if=/dev/zero of=/big bs=1M count=55'))
  expect(namesFullDisk(failure)).toBe(true)
  await expectUsable()
})

test('and one that fills the disk and ends well', async () => {
  const failure = await failureOf(build('RUN dd if=/dev/zero of=/big bs=1M count=200; true'))
  expect(namesFullDisk(failure)).toBe(true)
  await expectUsable()
})

test('a COPY of more than there is room for tells it, leaves nothing, and the next build works', async () => {
  writeContext(randomBytes(100 * megabyte))
  const failure = await failureOf(engine.build(`${place.directory}/context`))
  expect(namesFullDisk(failure)).toBe(true)
  await expectUsable()
})

test('wherever the disk becomes full in a build, the same one has all of its files when there is room again', async () => {
  const ballast = `${place.roots.root}/ballast`
  const ends = new Map<string, number>()
  const wrong: string[] = []
  for (const left of amountsLeft()) {
    const content = randomBytes(4 * megabyte)
    writeContext(content)
    occupy(ballast, left)
    const end = await endOf(engine.build(`${place.directory}/context`).tag('built'))
    ends.set(end, (ends.get(end) ?? 0) + 1)
    rmSync(ballast)
    const found = await wrongWith(content)
    // What there was no room to forget is found by the next build.
    found.push(...(await inconsistencies(engine, place.roots)))
    for (const { id, state } of await engine.containers.list({ all: true })) found.push(`container ${id} is ${state}`)
    wrong.push(...found.map((what) => `with ${left} left: ${what}`))
    await engine.pruneBuildCache({ all: true })
  }
  console.log([...ends].map((entry) => entry.join(': ')).join('\n'))
  expect([...ends.keys()].filter((end) => !/^built$|ENOSPC|No space left/.test(end))).toEqual([])
  expect(ends.size).toBeGreaterThan(1)
  expect(wrong).toEqual([])
  await expectUsable()
})

/** None at all, so little that files can be made but not written, and every third megabyte that a build needs. */
function amountsLeft(): number[] {
  const steps = Array.from({ length: needed / megabyte / 3 }, (_, at) => (at + 1) * 3 * megabyte)
  return [0, 8 * 1024, 64 * 1024, 512 * 1024, ...steps]
}

/** A context of one large file, which is copied, and once more by a program. */
function writeContext(content: Buffer): void {
  mkdirSync(`${place.directory}/context`, { recursive: true })
  writeFileSync(`${place.directory}/context/content`, content)
  const lines = ['FROM busybox', 'COPY content /content', 'RUN cat /content /content >/twice']
  writeFileSync(`${place.directory}/context/Dockerfile`, lines.join('\n'))
}

function build(run: string) {
  return engine.build().dockerfile(`FROM busybox\nRUN echo first >/first\n${run}\n`)
}

/** What is wrong with the same build with room, by the steps that are there and by all anew. */
async function wrongWith(content: Buffer): Promise<string[]> {
  const wrong: string[] = []
  for (const isUncached of [false, true]) {
    await engine.build(`${place.directory}/context`).tag('built').noCache(isUncached)
    const { stdout } = await engine.run('built', ['md5sum', '/content', '/twice']).network('none').rm().output()
    const sums = `${md5(content)}  /content\n${md5(Buffer.concat([content, content]))}  /twice\n`
    if (stdout !== sums) wrong.push(`wrong files, uncached ${isUncached}: ${stdout}`)
    await engine.images.remove('built')
    if (!isUncached) await engine.images.prune()
  }
  return wrong
}

const md5 = (content: Buffer) => createHash('md5').update(content).digest('hex')

/** Leaves so many bytes of the disk, more or less. */
function occupy(path: string, left: number): void {
  const { bavail, bsize } = statfsSync(place.roots.root)
  execFileSync('fallocate', ['--length', String(bavail * bsize - left - megabyte), path])
  try {
    for (;;) {
      const { bavail: blocks } = statfsSync(place.roots.root)
      if (blocks * bsize <= left) return
      writeFileSync(path, Buffer.alloc(bsize), { flag: 'a' })
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

const failureOf = async (building: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await building
  } catch (error) {
    return error
  }
  throw new Error('the build does not fail')
}

const endOf = (building: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(building).then(
    () => 'built',
    (error) => {
      if (error instanceof BuildError && error.output) return `${error.code} ${error.output.trim()}`
      return error instanceof InboardError ? `${error.code} ${error.details.errno ?? ''}` : `untyped: ${error.stack}`
    },
  )

const namesFullDisk = (error: unknown) => error instanceof InboardError && error.details.errno === 'ENOSPC'

async function expectUsable(): Promise<void> {
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await inconsistencies(engine, place.roots)).toEqual([])
  for (const isUncached of [false, true]) {
    await build('RUN echo second >/second').tag('usable').noCache(isUncached)
    const { stdout } = await engine.run('usable', ['cat', '/first', '/second']).network('none').rm().output()
    expect(stdout).toBe('first\nsecond\n')
  }
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
}
