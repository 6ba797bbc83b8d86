import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { settled } from '../support/settled.js'
import { inconsistencies, removeAll, violations } from './support/invariants.js'
import { newPlace } from './support/place.js'
import { type Running, startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'
import type { Roots } from './support/scenario.js'
import { killIfThere, supervisorOf } from './support/supervisors.js'
import { keptVolumes, lostLines, type VolumeTurn } from './support/volume-churn.js'
import { strayVolumes, wholeOf, withShelf, writeVolumeImage } from './support/volume-place.js'

const moments = 100
const processes = 3

test('engines, supervisors and both killed at a hundred moments lose no volume, and leave none, and no mount', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = newPlace()
  const roots = withShelf(place.roots)
  const engine = await Engine.open(roots)
  await engine.images.load(await writeVolumeImage(`${place.directory}/image.tar`, { big: 400 }))
  for (const name of keptVolumes) await engine.volumes.create(name, { labels: { keep: 'yes' } })
  const whole = await wholeOf(engine)
  await engine.close()
  const wrong: string[] = []
  const turns: VolumeTurn[] = []
  let kills = 0
  for (let round = 0; kills < moments; round++) {
    const seeds = Array.from({ length: processes }, () => random.below(2 ** 31))
    const argument = { roots: place.roots, from: 0, count: 1_000_000, whole }
    const running = await Promise.all(seeds.map((seed) => startProgram('volumeChurn', { ...argument, seed })))
    kills += await killAll(place.roots, running, random)
    turns.push(...(running.flatMap(({ said }) => said) as VolumeTurn[]))
    // As a process that starts after the disaster finds it.
    const next = await Engine.open(roots)
    const found = [...(await inconsistencies(next, roots)), ...(await settled(async () => strayVolumes(roots)))]
    wrong.push(...found.map((what) => `round ${round}: ${what}`))
    if (round % 4 === 3) await removeAll(next, { volumes: true })
    await next.close()
  }
  const last = await Engine.open(roots)
  wrong.push(...(await lostLines(last, turns)))
  await removeAll(last, { volumes: true })
  await last.close()
  wrong.push(...(await violations(roots, {}, strayVolumes)))
  const mounts = wrong.filter((text) => /\bmount(ed)? /.test(text)).length
  const lost = wrong.filter((text) => text.includes('lost')).length
  const lines = turns.filter(({ line }) => line !== undefined).length
  const left = wrong.length - lost - mounts
  console.log(`seed ${chosen}: ${lines} lines; ${kills} kills, ${lost} volumes lost, ${left} left, ${mounts} mounts`)
  expect(turns.flatMap(({ unexpected }) => unexpected ?? [])).toEqual([])
  expect(wrong).toEqual([])
})

/** Kills some supervisor, then an engine after the other, the last one with all supervisors that there are. */
async function killAll(roots: Roots, running: readonly Running[], random: Random): Promise<number> {
  await Promise.all(running.map((child) => child.hasSaid(1)))
  await delay(random.below(250))
  const pids = supervisors(roots)
  if (pids.length > 0) killIfThere(random.pick(pids))
  for (const [at, child] of running.entries()) {
    await delay(random.below(200))
    child.process.kill('SIGKILL')
    if (at === running.length - 1) for (const pid of supervisors(roots)) killIfThere(pid)
    const { signal, stderr } = await child.ended
    if (signal !== 'SIGKILL') throw new Error(`a process ended by itself: ${stderr}`)
  }
  return running.length + (pids.length > 0 ? 1 : 0)
}

const supervisors = ({ runRoot }: Roots): number[] =>
  readdirSync(runRoot).flatMap((name) => {
    const pid = /^[0-9a-f]{64}$/.test(name) ? supervisorOf(`${runRoot}/${name}/state`) : Number.NaN
    return pid > 0 ? [pid] : []
  })
