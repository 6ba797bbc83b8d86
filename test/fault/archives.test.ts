import { readdirSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Engine, InboardError } from '../../src/index.js'
import { busyboxForm } from '../support/images.js'
import { violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { Random, seed } from './support/random.js'

const forms = ['dockerArchive', 'dockerArchiveGzip', 'ociArchive', 'ociArchiveZstd', 'rootfs'] as const
const chosen = seed()

let place: Place
let engine: Engine
beforeAll(async () => {
  place = newPlace()
  engine = await Engine.open(place.roots)
})
afterAll(async () => {
  await engine.close()
  place[Symbol.dispose]()
})

/** What is on the disk of images. */
const stored = () =>
  ['content/sha256', 'content/ingest', 'snapshots']
    .flatMap((directory) => readdirSync(`${place.roots.root}/${directory}`))
    .filter((name) => !['driver', 'lock'].includes(name))

/** Loads it, or imports a root filesystem; how that ends. What it made is removed again. */
async function outcome(form: (typeof forms)[number], bytes: Uint8Array): Promise<string> {
  const source = Readable.from([bytes])
  try {
    if (form === 'rootfs') await engine.images.import(source)
    else await engine.images.load(source)
    for (const { id } of await engine.images.list()) await engine.images.remove(id, { force: true })
    return 'loaded'
  } catch (error) {
    return error instanceof InboardError ? error.code : `untyped: ${(error as Error).stack}`
  }
}

const refusals = ['INVALID_ARCHIVE', 'DIGEST_MISMATCH', 'LAYER_INVALID', 'LAYER_ESCAPES', 'LAYER_TOO_LARGE']

describe.each(forms)('an archive (%s)', (form) => {
  test('that is cut anywhere is refused, and nothing of it is left', async () => {
    const whole = readFileSync(busyboxForm(form))
    const wrong: string[] = []
    const points = [
      0,
      1,
      511,
      512,
      513,
      1024,
      ...Array.from({ length: 16 }, (_, n) => Math.floor((whole.length * n) / 16)),
    ]
    for (const point of points) {
      const code = await outcome(form, whole.subarray(0, point))
      // As Docker imports it: a tar may end after any of its files, without its end marker.
      if (form === 'rootfs' && code === 'loaded') continue
      if (!refusals.includes(code)) wrong.push(`cut at ${point} of ${whole.length}: ${code}`)
      wrong.push(...stored().map((name) => `cut at ${point}: left ${name}`))
    }
    expect(wrong).toEqual([])
  })

  test('with wrong bytes anywhere is refused or loads, and nothing is left', async () => {
    const whole = readFileSync(busyboxForm(form))
    const random = new Random(chosen)
    const wrong: string[] = []
    for (let n = 0; n < 16; n++) {
      const bytes = Buffer.from(whole)
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 + random.below(255))
      const code = await outcome(form, bytes)
      if (code !== 'loaded' && !refusals.includes(code)) wrong.push(`seed ${chosen}, byte ${at}: ${code}`)
      wrong.push(...stored().map((name) => `seed ${chosen}, byte ${at}: left ${name}`))
    }
    expect(wrong).toEqual([])
  })
})

test('a source that fails in the middle is refused with its own error', async () => {
  const failing = async function* () {
    yield readFileSync(busyboxForm('dockerArchive')).subarray(0, 300_000)
    throw new Error('the network is down')
  }
  await expect(engine.images.load(failing())).rejects.toThrow('the network is down')
  expect(stored()).toEqual([])
})

test('after all this the whole archive loads', async () => {
  await engine.images.load(busyboxForm('dockerArchive'))
  expect((await engine.run('busybox', ['echo', 'whole']).rm().output()).stdout).toBe('whole\n')
  expect(await violations(place.roots)).toEqual([])
})
