import { failpoints } from '../../../src/errors/failpoint.js'
import { InboardError } from '../../../src/index.js'
import { violations } from './invariants.js'
import { newPlace, type Place } from './place.js'
import { startProgram } from './program.js'
import { arm, type Point } from './programs.js'
import { Random, seed } from './random.js'
import { type Roots, type Step, User } from './scenario.js'

/** Of points that are passed very often, the first calls. */
const mostCalls = 2
/** One sync is for all images that wait for it: how many there are is a matter of time. */
const together: ReadonlySet<string> = new Set(['images.sync', 'images.synced'])

type Archives = (place: Place) => Promise<User['archives']>

/** What a scenario has beside its images. */
export interface Surroundings {
  roots(roots: Roots): Roots
  /** What is there that should not be. */
  stray(roots: Roots): string[]
}

const nothingElse: Surroundings = { roots: (roots) => roots, stray: () => [] }

/** How often a scenario passes each failpoint. */
export async function countCalls(
  names: readonly string[],
  scenario: readonly Step[],
  archives: Archives,
  { roots }: Pick<Surroundings, 'roots'> = nothingElse,
): Promise<ReadonlyMap<string, number>> {
  const calls = new Map<string, number>()
  for (const name of names) failpoints.set(name, () => calls.set(name, (calls.get(name) ?? 0) + 1))
  using place = newPlace()
  const user = new User(roots(place.roots), await archives(place))
  for (const step of scenario) await step.act(user)
  failpoints.clear()
  return calls
}

/** The calls of failpoints that a scenario makes, point by point. */
export async function passedPoints(
  names: readonly string[],
  scenario: readonly Step[],
  archives: Archives,
  surroundings: Pick<Surroundings, 'roots'> = nothingElse,
): Promise<Point[]> {
  const calls = await countCalls(names, scenario, archives, surroundings)
  const callsOf = (name: string) => Math.min(calls.get(name) ?? 0, together.has(name) ? 1 : mostCalls)
  return names.flatMap((name) => Array.from({ length: callsOf(name) }, (_, at) => ({ name, call: at + 1 })))
}

/** Of each failpoint the last of its calls: an error at the others is met by the same code. */
export const lastCalls = (points: readonly Point[]): readonly Point[] =>
  points.filter(({ name }, at) => points[at + 1]?.name !== name)

/** Of each failpoint one of its calls, another one each time: what a kill leaves differs. */
export function oneOfEach(points: readonly Point[]): readonly Point[] {
  const chosen = seed()
  const random = new Random(chosen)
  console.log(`seed ${chosen}`)
  const names = [...new Set(points.map(({ name }) => name))]
  return names.map((name) => random.pick(points.filter((point) => point.name === name)))
}

/** What is wrong with a root whose scenario fails at a point, and goes on with the step done again. */
export async function wrongAfterError(
  point: Point,
  scenario: readonly Step[],
  archives: Archives,
  { roots, stray } = nothingElse,
): Promise<string[]> {
  using place = newPlace()
  arm(point, () => {
    throw Object.assign(new Error('EIO: i/o error, failpoint'), { code: 'EIO', errno: -5, syscall: 'failpoint' })
  })
  const user = new User(roots(place.roots), await archives(place))
  const found: string[] = []
  for (const step of scenario) found.push(...(await twice(step, user)))
  failpoints.clear()
  return [...found, ...(await violations(user.roots, {}, stray))].map((what) => `${point.name} ${point.call}: ${what}`)
}

/**
 * What is wrong with a root whose process is killed at a point of its scenario.
 *
 * @param look finds what it has acknowledged and is not there, and what is left
 */
export async function wrongAfterKill(
  point: Point,
  program: 'scenario' | 'volumes' | 'networks' | 'clones' | 'lifecycle' | 'snapshots',
  archives: Archives,
  look: (place: Place, said: readonly unknown[]) => Promise<string[]>,
): Promise<string[]> {
  using place = newPlace()
  const { said, ended } = await startProgram(program, { roots: place.roots, archives: await archives(place), point })
  const { signal, stderr } = await ended
  const found = signal === 'SIGKILL' ? [] : [`was not killed: ${stderr}`]
  found.push(...(await look(place, said).catch((error) => [String(error.stack)])))
  return found.map((what) => `${point.name} ${point.call}: ${what}`)
}

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
