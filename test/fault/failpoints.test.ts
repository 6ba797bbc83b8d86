import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { isOfBuilds } from './support/build-points.js'
import { isOfClones } from './support/clone-scenario.js'
import { failpointNames, violations } from './support/invariants.js'
import { isOfLifecycle } from './support/lifecycle-scenario.js'
import { isOfNetworks } from './support/network-scenario.js'
import { archivesIn, type Place, startRepository } from './support/place.js'
import { lastCalls, oneOfEach, passedPoints, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'
import { acknowledged, type Saying, scenario } from './support/scenario.js'
import { isOfSnapshots } from './support/snapshot-scenario.js'
import { isOfVolumes } from './support/volume-scenario.js'

let points: readonly Point[]
/** Of what registries and repositories are needed for: `build-cache.test.ts`, `autobuild.test.ts`. */
const isOfExchanges = (name: string) => name.startsWith('exchange.') || name.startsWith('autobuild.')
/** Of the API's socket: `api-listening.test.ts`. */
const isOfServing = (name: string) => name.startsWith('serve.')
const isElsewhere = [
  isOfBuilds,
  isOfClones,
  isOfExchanges,
  isOfLifecycle,
  isOfNetworks,
  isOfServing,
  isOfSnapshots,
  isOfVolumes,
]
const names = failpointNames().filter((name) => !isElsewhere.some((isOf) => isOf(name)))
let registry: Awaited<ReturnType<typeof startRepository>>
const archives = async (place: Place) => ({ ...(await archivesIn(place)), repository: registry.repository })

beforeAll(async () => {
  registry = await startRepository()
  points = await passedPoints(names, scenario, archives)
})

afterAll(() => registry[Symbol.asyncDispose]())
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  const tried = lastCalls(points)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, scenario, archives)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

describe('a process that is killed', () => {
  test('at every failpoint has lost nothing that it acknowledged, and leaves nothing', async () => {
    const wrong: string[] = []
    const look = ({ roots }: Place, said: readonly unknown[]) =>
      violations(roots, acknowledged(scenario, said as Saying[]))
    const killed = oneOfEach(points)
    for (const point of killed) wrong.push(...(await wrongAfterKill(point, 'scenario', archives, look)))
    const lost = wrong.filter((what) => what.includes('lost:')).length
    console.log(`${killed.length} kills, ${lost} lost, ${wrong.length - lost} leaked`)
    expect(wrong).toEqual([])
  })
})
