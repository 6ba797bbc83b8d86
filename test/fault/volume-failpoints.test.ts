import { mkdtempSync, rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { failpointNames, violations } from './support/invariants.js'
import type { Place } from './support/place.js'
import { lastCalls, oneOfEach, passedPoints, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'
import { acknowledged, type Saying } from './support/scenario.js'
import { strayVolumes, withShelf, writeVolumeImage } from './support/volume-place.js'
import { isOfVolumes, volumeScenario } from './support/volume-scenario.js'

const directory = mkdtempSync('/tmp/ib-volumes-')
const names = failpointNames().filter(isOfVolumes)
const archives = { image: '', rootfs: '', repository: '' }
const archivesOf = async () => archives
const surroundings = { roots: withShelf, stray: strayVolumes }
let points: readonly Point[]

beforeAll(async () => {
  archives.image = await writeVolumeImage(`${directory}/image.tar`)
  points = await passedPoints(names, volumeScenario, archivesOf, surroundings)
})
afterEach(() => failpoints.clear())
afterAll(() => rmSync(directory, { recursive: true }))

test('the scenario passes every failpoint that the sources have of volumes', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  const tried = lastCalls(points)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, volumeScenario, archivesOf, surroundings)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint of volumes has lost none that it acknowledged, and leaves nothing', async () => {
  const wrong: string[] = []
  const look = ({ roots }: Place, said: readonly unknown[]) =>
    violations(withShelf(roots), acknowledged(volumeScenario, said as Saying[]), strayVolumes)
  const killed = oneOfEach(points)
  for (const point of killed) wrong.push(...(await wrongAfterKill(point, 'volumes', archivesOf, look)))
  const lost = wrong.filter((what) => what.includes('lost:')).length
  console.log(`${killed.length} kills, ${lost} lost, ${wrong.length - lost} leaked`)
  expect(wrong).toEqual([])
})
