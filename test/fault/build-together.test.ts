import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { locksReleased, newBuildPlace, writeContext, wrongAfterwards, wrongFiles } from './support/build-place.js'
import { violations } from './support/invariants.js'
import { startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'

const processes = 3
const rounds = 12

test('processes that build the same come to the same files, though some are killed', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = await newBuildPlace()
  const wrong: string[] = []
  let kills = 0
  for (let turn = 0; turn < rounds; turn++) {
    await writeContext(place.context, turn)
    const running = await Promise.all(
      Array.from({ length: processes }, (_, at) => startProgram('build', { ...place, name: `built-${at}` })),
    )
    // After its opening, and after some of its steps.
    const victims = running.slice(0, random.below(processes))
    await Promise.all(
      victims.map(async (victim) => {
        await victim.hasSaid(1 + random.below(12)).catch(() => undefined)
        if (victim.process.kill('SIGKILL')) kills++
      }),
    )
    const survivors = running.slice(victims.length)
    const ends = await Promise.all(survivors.map(({ ended }) => ended))
    wrong.push(...ends.flatMap(({ code, stderr }) => (code === 0 ? [] : [`turn ${turn}: ${code} ${stderr}`])))
    await Promise.all(victims.map(({ ended }) => ended))
    locksReleased(place)
    const engine = await Engine.open(place.roots)
    const ids = survivors.map(({ said }) => (said.at(-1) as { built?: string }).built)
    if (new Set(ids).size > 1) wrong.push(`turn ${turn}: several images ${ids.join()}`)
    wrong.push(...(await wrongFiles(engine, `built-${processes - 1}`, turn)))
    wrong.push(...(await wrongAfterwards(engine, place, turn)).map((what) => `turn ${turn}: ${what}`))
    await engine.close()
  }
  wrong.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${rounds} rounds of ${processes} builds, ${kills} kills; ${wrong.length} wrong or left`)
  expect(wrong).toEqual([])
})
