import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { busyboxForm } from '../support/images.js'
import { failpointNames, violations } from './support/invariants.js'
import { isOfNetworks, networkScenario } from './support/network-scenario.js'
import type { Place } from './support/place.js'
import { lastCalls, oneOfEach, passedPoints, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'

let points: readonly Point[]
const names = failpointNames().filter(isOfNetworks)
const archives = { image: busyboxForm('dockerArchive'), rootfs: '', repository: '' }

beforeAll(async () => {
  points = await passedPoints(names, networkScenario, async () => archives)
})
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have of networks', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  const tried = lastCalls(points)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, networkScenario, async () => archives)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint of networks leaves nothing', async () => {
  const wrong: string[] = []
  const look = ({ roots }: Place) => violations(roots)
  const killed = oneOfEach(points)
  for (const point of killed) wrong.push(...(await wrongAfterKill(point, 'networks', async () => archives, look)))
  console.log(`${killed.length} kills, ${wrong.length} leaked`)
  expect(wrong).toEqual([])
})
