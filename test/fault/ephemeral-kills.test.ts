import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { startEngineProcess } from '../support/engine-process.js'
import { imageArchive } from '../support/images.js'
import { leftOnHost } from '../support/left-on-host.js'
import { settled } from '../support/settled.js'
import { ephemeralOwner } from './support/ephemeral-owner.js'
import { violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { Random, seed } from './support/random.js'

const kills = 100
const together = 5
const longestMs = 900

test('processes killed at random moments leave nothing of what was ephemeral, with nobody there to remove it', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = newPlace()
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  await engine.close()
  const wrong: string[] = []
  const tookMs: number[] = []
  for (let killed = 0; killed < kills; killed += together) {
    const owners = Array.from({ length: together }, () =>
      killedOwner(place, random.below(2 ** 31), random.below(longestMs)),
    )
    await Promise.all(owners)
    const began = performance.now()
    wrong.push(...(await settled(async () => leftOnHost(place.directory))).map((what) => `left: ${what}`))
    tookMs.push(performance.now() - began)
  }
  tookMs.sort((one, other) => one - other)
  const median = tookMs[tookMs.length >> 1] ?? 0
  console.log(
    `seed ${chosen}: ${kills} kills, ${wrong.length} leaks, all gone after ${median.toFixed(0)} ms (median), ${tookMs.at(-1)?.toFixed(0)} ms (most)`,
  )
  expect(wrong).toEqual([])
  expect(median).toBeLessThan(1000)
  const next = await Engine.open(place.roots)
  expect(await next.containers.list({ all: true })).toEqual([])
  expect(await next.volumes.list()).toEqual([])
  await next.close()
  expect(await violations(place.roots)).toEqual([])
})

async function killedOwner({ roots }: Place, program: number, ms: number): Promise<void> {
  const child = startEngineProcess(roots, ephemeralOwner(program))
  const gone = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), gone])
  await delay(ms)
  child.kill('SIGKILL')
  const [, signal] = await gone
  if (signal !== 'SIGKILL') throw new Error('an owner has ended by itself')
}
