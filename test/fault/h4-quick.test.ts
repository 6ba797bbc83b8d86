import { afterEach, beforeAll, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { InboardError } from '../../src/index.js'
import { busyboxForm } from '../support/images.js'
import { failpointNames, violations } from './support/invariants.js'
import { isOfNetworks, networkScenario } from './support/network-scenario.js'
import { newPlace } from './support/place.js'
import { startProgram } from './support/program.js'
import { arm, type Point } from './support/programs.js'
import { type Step, User } from './support/scenario.js'

/** Of points that are passed very often, the first calls. */
const mostCalls = 1
const points: Point[] = []
const names = failpointNames().filter((n) => /^(connect|disconnect|network|reconcile.n.*)[.]?/.test(n) && isOfNetworks(n))
const archives = { image: busyboxForm('dockerArchive'), rootfs: '', repository: '' }

beforeAll(async () => {
  const calls = new Map<string, number>()
  for (const name of names) failpoints.set(name, () => calls.set(name, (calls.get(name) ?? 0) + 1))
  using place = newPlace()
  const user = new User(place.roots, archives)
  for (const step of networkScenario) await step.act(user)
  failpoints.clear()
  for (const name of names)
    for (let call = 1; call <= Math.min(calls.get(name) ?? 0, mostCalls); call++) points.push({ name, call })
})
afterEach(() => failpoints.clear())

test('the scenario passes every failpoint that the sources have of networks', () => {
  expect([...new Set(points.map(({ name }) => name))]).toEqual(names)
})

test('at every failpoint an error is told as one of ours, a second try succeeds, and nothing is left', async () => {
  const wrong: string[] = []
  for (const point of points) {
    using place = newPlace()
    arm(point, () => {
      throw Object.assign(new Error('EIO: i/o error, failpoint'), { code: 'EIO', errno: -5, syscall: 'failpoint' })
    })
    const user = new User(place.roots, archives)
    const found: string[] = []
    for (const step of networkScenario) found.push(...(await twice(step, user)))
    failpoints.clear()
    found.push(...(await violations(place.roots)))
    wrong.push(...found.map((what) => `${point.name} ${point.call}: ${what}`))
  }
  console.log(`${points.length} errors, ${wrong.length} left something or failed twice`)
  expect(wrong).toEqual([])
})

async function twice(step: Step, user: User): Promise<string[]> {
  try {
    await step.act(user)
    return []
  } catch (error) {
    const wrong = error instanceof InboardError ? [] : [`${step.does}: throws ${(error as Error).stack}`]
    return step.act(user).then(
      () => wrong,
      (again) => [...wrong, `${step.does}: fails again: ${again}, after ${error}`],
    )
  }
}

test('a process that is killed at any failpoint of networks leaves nothing', async () => {
  const wrong: string[] = []
  for (const point of points) {
    using place = newPlace()
    const { ended } = await startProgram('networks', { roots: place.roots, archives, point })
    const { signal, stderr } = await ended
    if (signal !== 'SIGKILL') wrong.push(`${point.name} ${point.call}: was not killed: ${stderr}`)
    const found = await violations(place.roots).catch((error) => [String(error.stack)])
    wrong.push(...found.map((what) => `${point.name} ${point.call}: ${what}`))
  }
  console.log(`${points.length} kills, ${wrong.length} leaked`)
  expect(wrong).toEqual([])
})
