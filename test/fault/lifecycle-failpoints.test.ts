import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { busyboxForm } from '../support/images.js'
import { failpointNames, violations } from './support/invariants.js'
import { journalFaults, journalGaps } from './support/journal-faults.js'
import { isOfLifecycle, lifecycleScenario, withSpool } from './support/lifecycle-scenario.js'
import type { Place } from './support/place.js'
import { countCalls, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'
import { acknowledged, type Saying } from './support/scenario.js'

const names = failpointNames().filter(isOfLifecycle)
const archives = { image: busyboxForm('dockerArchive'), rootfs: '', repository: '' }
const archivesOf = async () => archives
const surroundings = { roots: withSpool, stray: journalFaults }
let points: readonly Point[]

/** Of each failpoint the last call; of output, which is cut into pieces as time has it, the first; of events one in the middle of a life. */
function callOf(name: string, count: number): number {
  if (name.startsWith('log-feeder.')) return 1
  return name.startsWith('events.') ? Math.ceil(count / 2) : count
}

beforeAll(async () => {
  const calls = await countCalls(names, lifecycleScenario, archivesOf, surroundings)
  points = [...calls].map(([name, count]) => ({ name, call: callOf(name, count) }))
})
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have of what happens to containers', () => {
  expect(points.map(({ name }) => name).sort()).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  for (const point of points) {
    // What the engine cannot put into the journal, it puts there behind what supervisors tell.
    const stray = point.name.startsWith('events.') ? journalGaps : journalFaults
    wrong.push(...(await wrongAfterError(point, lifecycleScenario, archivesOf, { ...surroundings, stray })))
  }
  console.log(`${points.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint has lost nothing that it acknowledged, and leaves nothing', async () => {
  const wrong: string[] = []
  const look = ({ roots }: Place, said: readonly unknown[]) =>
    violations(withSpool(roots), acknowledged(lifecycleScenario, said as Saying[]), journalFaults)
  for (const point of points) wrong.push(...(await wrongAfterKill(point, 'lifecycle', archivesOf, look)))
  const lost = wrong.filter((what) => what.includes('lost:')).length
  console.log(`${points.length} kills, ${lost} lost, ${wrong.length - lost} leaked`)
  expect(wrong).toEqual([])
})
