import { mkdtempSync, rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { failpointNames, violations } from './support/invariants.js'
import { newPlace } from './support/place.js'
import { passedPoints, wrongAfterError } from './support/points.js'
import { startProgram } from './support/program.js'
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
  // Of each the last: those before it are other volumes' of the same kind.
  const tried = points.filter(({ name }, at) => points[at + 1]?.name !== name)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, volumeScenario, archivesOf, surroundings)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint of volumes has lost none that it acknowledged, and leaves nothing', async () => {
  const wrong: string[] = []
  for (const point of points) {
    using place = newPlace()
    const { said, ended } = await startProgram('volumes', { roots: place.roots, archives, point })
    const { signal, stderr } = await ended
    if (signal !== 'SIGKILL') wrong.push(`${point.name} ${point.call}: was not killed: ${stderr}`)
    const facts = acknowledged(volumeScenario, said as Saying[])
    const found = await violations(withShelf(place.roots), facts, strayVolumes).catch((error) => [String(error.stack)])
    wrong.push(...found.map((what) => `${point.name} ${point.call}: ${what}`))
  }
  const lost = wrong.filter((what) => what.includes('lost:')).length
  console.log(`${points.length} kills, ${lost} lost, ${wrong.length - lost} leaked`)
  expect(wrong).toEqual([])
})
