import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { Engine, InboardError } from '../../src/index.js'
import { leftOfBuilds, newBuildPlace, writeContext, wrongBuilds } from './support/build-place.js'
import { buildPhases, isOfBuilds, type PhasePoint, pointsOfBuilds, turnOf } from './support/build-points.js'
import { failpointNames, violations } from './support/invariants.js'
import { arm } from './support/programs.js'
import { Random, seed } from './support/random.js'

const chosen = seed()
let points: readonly PhasePoint[]

beforeAll(async () => {
  points = await pointsOfBuilds(failpointNames(), new Random(chosen))
})
afterEach(() => failpoints.clear())

test('builds pass every failpoint that the sources have of them', () => {
  const passed = new Set(points.map(({ name }) => name))
  expect(failpointNames().filter((name) => isOfBuilds(name) && !passed.has(name))).toEqual([])
})

test('at every failpoint an error is told as one of ours, nothing is left, and the next build is right', async () => {
  using place = await newBuildPlace()
  const engine = await Engine.open(place.roots)
  const wrong: string[] = []
  let told = 0
  for (const [count, point] of points.entries()) {
    const turn = turnOf(count)
    await writeContext(place.context, turn)
    if (point.phase === 'prune') await buildPhases.build(engine, place.context)
    arm(point, () => {
      throw Object.assign(new Error('EIO: i/o error, failpoint'), { code: 'EIO', errno: -5, syscall: 'failpoint' })
    })
    const error = await failureOf(buildPhases[point.phase](engine, place.context))
    failpoints.clear()
    if (error !== undefined) told++
    const found = error === undefined || error instanceof InboardError ? [] : [`throws ${(error as Error).stack}`]
    // What could not be removed is found by the next build.
    found.push(...(await wrongBuilds(engine, place, turn)), ...(await leftOfBuilds(engine, place)))
    wrong.push(...found.map((what) => `${point.phase} ${point.name} ${point.call}: ${what}`))
  }
  await engine.close()
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${points.length} errors, ${told} of them told; ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})

const failureOf = (done: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(done).then(
    () => undefined,
    (error) => error,
  )
