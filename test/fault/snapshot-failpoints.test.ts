import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { Engine } from '../../src/index.js'
import { busyboxForm } from '../support/images.js'
import { failpointNames, removeAll, violations } from './support/invariants.js'
import type { Place } from './support/place.js'
import { lastCalls, oneOfEach, passedPoints, wrongAfterError, wrongAfterKill } from './support/points.js'
import type { Point } from './support/programs.js'
import { isOfSnapshots, snapshotContents, snapshotScenario } from './support/snapshot-scenario.js'

let points: readonly Point[]
const names = failpointNames().filter(isOfSnapshots)
const archives = { image: busyboxForm('dockerArchive'), rootfs: '', repository: '' }

beforeAll(async () => {
  points = await passedPoints(names, snapshotScenario, async () => archives)
})
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have of snapshots', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  const tried = lastCalls(points)
  for (const point of tried) wrong.push(...(await wrongAfterError(point, snapshotScenario, async () => archives)))
  console.log(`${tried.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

test('a process that is killed at any failpoint of snapshots has lost none that it told of, and leaves nothing', async () => {
  const wrong: string[] = []
  const look = async (place: Place, said: readonly unknown[]) => {
    const there = (said as { there?: string[] }[]).at(-1)?.there ?? []
    return [...(await wrongSnapshots(place, there)), ...(await violations(place.roots))]
  }
  const killed = oneOfEach(points)
  for (const point of killed) wrong.push(...(await wrongAfterKill(point, 'snapshots', async () => archives, look)))
  console.log(`${killed.length} kills, ${wrong.length} lost or leaked`)
  expect(wrong).toEqual([])
})

/** Snapshots that were told of and are not there, or that have not what they had; who stands still; what is left when all are removed. */
async function wrongSnapshots({ roots }: Place, there: readonly string[]): Promise<string[]> {
  const engine = await Engine.open(roots)
  try {
    const wrong: string[] = []
    const original = await engine.containers.get('original').catch(() => undefined)
    if (original && (await original.inspect()).State.Status === 'running') await original.exec(['true'])
    const found = (await engine.snapshots.list()).map(({ name }) => name)
    for (const name of there) if (!found.includes(name)) wrong.push(`lost: snapshot ${name}`)
    for (const name of found) {
      const run = (await engine.snapshots.get(name)).run(['sh', '-c', 'echo $(cat /root/file /data/file)']).rm()
      const { stdout } = await run.output()
      if (stdout.trim() !== snapshotContents[name]) wrong.push(`lost: a clone of ${name} has ${JSON.stringify(stdout)}`)
    }
    await removeAll(engine, { volumes: true })
    for (const name of found) await (await engine.snapshots.get(name)).remove()
    for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
    const layers = `${roots.root}/volumes/.layers`
    wrong.push(...readdirSync(`${roots.root}/volumes`).flatMap((name) => (name === '.layers' ? [] : [`left: ${name}`])))
    if (existsSync(layers)) wrong.push(...readdirSync(layers).map((name) => `left: layer ${name}`))
    return wrong
  } finally {
    await engine.close()
  }
}
