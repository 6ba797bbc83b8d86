import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { Engine } from '../../src/index.js'
import { busyboxForm } from '../support/images.js'
import { cloneContents, cloneScenario, isOfClones } from './support/clone-scenario.js'
import { failpointNames, violations } from './support/invariants.js'
import type { Place } from './support/place.js'
import { lastCalls, oneOfEach, passedPoints, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'

let points: readonly Point[]
const names = failpointNames().filter(isOfClones)
const archives = { image: busyboxForm('dockerArchive'), rootfs: '', repository: '' }

beforeAll(async () => {
  points = await passedPoints(names, cloneScenario, async () => archives)
})
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have of clones', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  const tried = lastCalls(points)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, cloneScenario, async () => archives)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint of clones has lost nothing of any volume, and leaves nothing', async () => {
  const wrong: string[] = []
  const look = async (place: Place, said: readonly unknown[]) => {
    const there = (said as { there?: string[] }[]).at(-1)?.there ?? []
    return [...(await wrongVolumes(place, there)), ...(await violations(place.roots))]
  }
  const killed = oneOfEach(points)
  for (const point of killed) wrong.push(...(await wrongAfterKill(point, 'clones', async () => archives, look)))
  console.log(`${killed.length} kills, ${wrong.length} lost or leaked`)
  expect(wrong).toEqual([])
})

/** Volumes that were acknowledged and are not there, or that have not what they had; and what is left when all are removed. */
async function wrongVolumes({ roots }: Place, there: readonly string[]): Promise<string[]> {
  const engine = await Engine.open(roots)
  try {
    const wrong: string[] = []
    for (const { id } of await engine.containers.list({ all: true }))
      await (await engine.containers.get(id)).remove({ force: true })
    const found = (await engine.volumes.list()).map(({ name }) => name)
    for (const name of there) if (!found.includes(name)) wrong.push(`lost: volume ${name}`)
    for (const name of found) {
      const run = engine.run('busybox', ['sh', '-c', 'cat /data/file 2>/dev/null']).volume(`${name}:/data`).rm()
      const { stdout } = await run.output()
      if (!cloneContents[name]?.includes(stdout)) wrong.push(`lost: volume ${name} has ${JSON.stringify(stdout)}`)
    }
    for (const name of found) await (await engine.volumes.get(name)).remove()
    const layers = `${roots.root}/volumes/.layers`
    const left = readdirSync(`${roots.root}/volumes`).filter((name) => name !== '.layers')
    wrong.push(...left.map((name) => `left: volumes/${name}`))
    if (existsSync(layers)) wrong.push(...readdirSync(layers).map((name) => `left: layer ${name}`))
    return wrong
  } finally {
    await engine.close()
  }
}
