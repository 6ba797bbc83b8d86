import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import {
  type BuildPlace,
  hasOldData,
  locksReleased,
  newBuildPlace,
  writeContext,
  wrongAfterwards,
} from './support/build-place.js'
import { violations } from './support/invariants.js'
import { runProgram, startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'

const moments = 30

test('a building process killed at random moments leaves nothing but what the next build may use', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = await newBuildPlace()
  const whole = await undisturbed(place, async () => {
    const said = await runProgram('build', { ...place, name: 'undisturbed' })
    return (said.at(-1) as { tookMs: number }).tookMs
  })
  const wrong: string[] = []
  let finished = 0
  for (let turn = 3; turn < 3 + moments; turn++) {
    await writeContext(place.context, turn)
    const after = random.below(whole(turn))
    const { process, said, hasSaid, ended } = await startProgram('build', { ...place, name: 'killed' })
    await hasSaid(1)
    const timer = setTimeout(() => process.kill('SIGKILL'), after)
    await ended
    clearTimeout(timer)
    if (said.some(isBuilt)) finished++
    locksReleased(place)
    const engine = await Engine.open(place.roots)
    wrong.push(...(await wrongAfterwards(engine, place, turn)).map((what) => `killed after ${after} ms: ${what}`))
    await engine.close()
  }
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${moments} kills, ${finished} of them after the end; ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})

test('a build aborted at random moments says so, and leaves nothing but what the next build may use', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = await newBuildPlace()
  const engine = await Engine.open(place.roots)
  const whole = await undisturbed(place, async () => {
    const began = performance.now()
    await engine.build(place.context).tag('undisturbed')
    return performance.now() - began
  })
  const wrong: string[] = []
  let finished = 0
  for (let turn = 3; turn < 3 + moments; turn++) {
    await writeContext(place.context, turn)
    const after = random.below(whole(turn))
    const end = await abortedAfter(engine, place, after)
    if (end === 'built') finished++
    else if (end !== 'AbortError') wrong.push(`aborted after ${after} ms: ${end}`)
    wrong.push(...(await wrongAfterwards(engine, place, turn)).map((what) => `aborted after ${after} ms: ${what}`))
  }
  await engine.close()
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${moments} aborts, ${finished} of them after the end; ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})

const isBuilt = (fact: unknown) => (fact as { built?: string }).built !== undefined

/** How long builds take with nobody to end them: those that find data of the turn before, and the others. */
async function undisturbed(place: BuildPlace, tookMs: () => Promise<number>): Promise<(turn: number) => number> {
  const times: number[] = []
  // The last of each kind is as fast as those that are disturbed.
  for (const turn of [-6, -3, -2, -1]) {
    await writeContext(place.context, turn)
    times.push(await tookMs())
  }
  return (turn) => (hasOldData(turn) ? times[3] : times[1]) as number
}

async function abortedAfter(engine: Engine, { context }: BuildPlace, ms: number): Promise<string> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), ms)
  try {
    await engine.build(context).tag('aborted').signal(controller.signal)
    return 'built'
  } catch (error) {
    return error === controller.signal.reason ? 'AbortError' : String((error as Error).stack)
  } finally {
    clearTimeout(timer)
  }
}
