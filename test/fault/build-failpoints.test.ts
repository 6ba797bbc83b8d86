import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { Engine, InboardError } from '../../src/index.js'
import {
  type BuildPlace,
  newBuildPlace,
  pruneBuilds,
  writeContext,
  wrongAfterwards,
  wrongFiles,
} from './support/build-place.js'
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

test('at every failpoint an error is told as one of ours, the next build is right, and nothing is left', async () => {
  using place = await newBuildPlace()
  const wrong: string[] = []
  let told = 0
  for (const [count, point] of points.entries()) {
    const error = await failedAt(point, place, turnOf(count))
    if (error !== undefined) told++
    const found = error === undefined || error instanceof InboardError ? [] : [`throws ${(error as Error).stack}`]
    // What could not be removed is found by the next who opens the root.
    const engine = await Engine.open(place.roots)
    found.push(...(await wrongAfterwards(engine, place, turnOf(count), count % 4 === 0)))
    await pruneBuilds(engine)
    await engine.close()
    wrong.push(...found.map((what) => `${point.phase} ${point.name} ${point.call}: ${what}`))
  }
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${points.length} errors, ${told} of them told; ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})

/** What is thrown when a phase fails at a point; the same process goes on to a build that is right, or throws as well. */
async function failedAt(point: PhasePoint, { roots, context }: BuildPlace, turn: number): Promise<unknown> {
  await writeContext(context, turn)
  await using engine = await Engine.open(roots)
  if (point.phase === 'prune') await buildPhases.build(engine, context)
  arm(point, () => {
    throw Object.assign(new Error('EIO: i/o error, failpoint'), { code: 'EIO', errno: -5, syscall: 'failpoint' })
  })
  const error = await failureOf(buildPhases[point.phase](engine, context))
  failpoints.clear()
  const again = await failureOf(engine.build(context).tag('disturbed'))
  const [wrong] = again === undefined ? await wrongFiles(engine, 'disturbed', turn) : [again]
  return wrong === undefined ? error : wrong
}

const failureOf = (done: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(done).then(
    () => undefined,
    (error) => error,
  )
