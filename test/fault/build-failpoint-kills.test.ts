import { beforeAll, expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { locksReleased, newBuildPlace, pruneBuilds, writeContext, wrongAfterwards } from './support/build-place.js'
import { type PhasePoint, pointsOfBuilds, turnOf } from './support/build-points.js'
import { failpointNames, violations } from './support/invariants.js'
import { startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'

const chosen = seed()
let points: readonly PhasePoint[]

beforeAll(async () => {
  // The first claim of a build is there before anything tells of garbage.
  const first: PhasePoint = { phase: 'build', name: 'collection.mark', call: 1 }
  points = [first, ...(await pointsOfBuilds(failpointNames(), new Random(chosen)))]
})

test('a process killed at any failpoint that a build passes leaves nothing, and the next build is right', async () => {
  using place = await newBuildPlace()
  const wrong: string[] = []
  for (const [count, point] of points.entries()) {
    const turn = turnOf(count)
    await writeContext(place.context, turn)
    const { ended } = await startProgram('buildToPoint', { roots: place.roots, context: place.context, point })
    const { signal, stderr } = await ended
    const found = signal === 'SIGKILL' ? [] : [`was not killed: ${stderr}`]
    locksReleased(place)
    const engine = await Engine.open(place.roots)
    found.push(...(await wrongAfterwards(engine, place, turn, count % 4 === 0)))
    await pruneBuilds(engine)
    await engine.close()
    wrong.push(...found.map((what) => `${point.phase} ${point.name} ${point.call}: ${what}`))
  }
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${points.length} kills, ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})
