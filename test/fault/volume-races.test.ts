import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { settled } from '../support/settled.js'
import { inconsistencies, removeAll, violations } from './support/invariants.js'
import { newPlace } from './support/place.js'
import { startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'
import type { Roots } from './support/scenario.js'
import { keptVolumes, lostLines, type VolumeTurn } from './support/volume-churn.js'
import { strayVolumes, wholeOf, withShelf, writeVolumeImage } from './support/volume-place.js'

const processes = 4
const operations = 45

test('four processes that create, fill, take, restart and remove volumes at once lose nothing and leave nothing', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = newPlace()
  const roots = withShelf(place.roots)
  const engine = await Engine.open(roots)
  await engine.images.load(await writeVolumeImage(`${place.directory}/image.tar`, { big: 40 }))
  for (const name of keptVolumes) await engine.volumes.create(name, { labels: { keep: 'yes' } })
  const whole = await wholeOf(engine)
  const seeds = Array.from({ length: processes }, () => random.below(2 ** 31))
  const turns = (await Promise.all(seeds.map((one) => churned(place.roots, one, whole)))).flat()
  const wrong = [...(await inconsistencies(engine, roots)), ...(await lostLines(engine, turns))]
  await removeAll(engine, { volumes: true })
  const stray = await settled(async () => strayVolumes(roots))
  await engine.close()
  const lines = turns.filter(({ line }) => line !== undefined).length
  const verbs = turns.filter(({ verb }) => verb !== undefined).length
  console.log(`seed ${chosen}: ${verbs} operations, ${lines} lines, ${wrong.length} differences, ${stray.length} left`)
  expect(turns.flatMap(({ unexpected }) => unexpected ?? [])).toEqual([])
  expect(wrong).toEqual([])
  expect(stray).toEqual([])
  expect(await violations(roots, {}, strayVolumes)).toEqual([])
})

async function churned(roots: Roots, one: number, whole: string): Promise<VolumeTurn[]> {
  const turns = { seed: one, from: 0, count: operations, whole }
  const { said, ended } = await startProgram('volumeChurn', { roots, ...turns })
  const { code, signal, stderr } = await ended
  if (code !== 0) throw new Error(`a process ended with ${signal ?? code}: ${stderr}`)
  return said as VolumeTurn[]
}
