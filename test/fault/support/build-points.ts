import { failpoints } from '../../../src/errors/failpoint.js'
import { Engine } from '../../../src/index.js'
import { type BuildPlace, newBuildPlace, pruneBuilds, writeContext } from './build-place.js'
import type { Point } from './programs.js'
import type { Random } from './random.js'

/** What is done with builds: all steps of one, and the removal of what they have left for the next. */
export const buildPhases = {
  build: (engine: Engine, context: string): PromiseLike<unknown> => engine.build(context).tag('disturbed'),
  prune: (engine: Engine, _context: string): PromiseLike<unknown> => pruneBuilds(engine),
}

type BuildPhase = keyof typeof buildPhases

/** A call of a failpoint, counted from the beginning of the phase. */
export interface PhasePoint extends Point {
  readonly phase: BuildPhase
}

/** Of a turn that has nothing in common with the one before it. */
export const turnOf = (count: number) => 3 * count

/**
 * Of each failpoint that a phase passes one call, of the first half: how many there are is a matter of time as well. One sync
 * is for all that wait for it: what a removal has changed may be on the disk with what the build before it has.
 */
export async function pointsOfBuilds(names: readonly string[], random: Random): Promise<PhasePoint[]> {
  using place = await newBuildPlace()
  const engine = await Engine.open(place.roots)
  const rounds = [await countedRound(engine, place, names, 1), await countedRound(engine, place, names, 2)]
  await engine.close()
  return (Object.keys(buildPhases) as BuildPhase[]).flatMap((phase) =>
    names.flatMap((name) => {
      if (phase === 'prune' && name.startsWith('images.sync')) return []
      const least = Math.min(...rounds.map((calls) => calls.get(`${phase} ${name}`) ?? 0))
      return least === 0 ? [] : [{ phase, name, call: 1 + random.below(Math.ceil(least / 2)) }]
    }),
  )
}

async function countedRound(engine: Engine, { context }: BuildPlace, names: readonly string[], count: number) {
  const calls = new Map<string, number>()
  await writeContext(context, turnOf(count))
  for (const phase of Object.keys(buildPhases) as BuildPhase[]) {
    for (const name of names) {
      const key = `${phase} ${name}`
      failpoints.set(name, () => calls.set(key, (calls.get(key) ?? 0) + 1))
    }
    await buildPhases[phase](engine, context)
    failpoints.clear()
  }
  return calls
}

/** Failpoints that nothing but builds passes. */
export const isOfBuilds = (name: string): boolean =>
  /^(build|cache|workspace|steps|filesystem-view)\.|^snapshot\.adopt$/.test(name)
