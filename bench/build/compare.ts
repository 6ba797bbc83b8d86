import { median, printTable, printTarget } from '../statistics.js'
import { execute } from '../workspace.js'
import type { Builder, Built } from './builder.js'

/** What is built, again and again, by each in turn. */
export interface Course {
  readonly title: string
  readonly context: string
  readonly isUncached: boolean
  readonly rounds: number
  /** What each build is preceded by; not measured. */
  prepare?(builder: Builder): Promise<unknown>
}

/** All in turns of one, after a first round that does not count. What others have written is on the disk by then. */
export async function inTurns(course: Course, builders: readonly Builder[]): Promise<Map<Builder, readonly Built[]>> {
  const times = new Map(builders.map((builder) => [builder, [] as Built[]]))
  for (let round = -1; round < course.rounds; round++) {
    for (const builder of builders) {
      await course.prepare?.(builder)
      await execute('sync')
      const built = await builder.build(course.context, course.isUncached)
      if (round >= 0) times.get(builder)?.push(built)
    }
  }
  return times
}

export function printTimes({ title, rounds }: Course, times: ReadonlyMap<Builder, readonly Built[]>): void {
  console.log(`\n${title}; milliseconds from the call; ${rounds} rounds`)
  const rows = [...times].map(([{ name }, built]) => {
    const columns = (['firstStepMs', 'ms'] as const).flatMap((what) => {
      const figures = built.map((one) => one[what])
      return [median(figures), Math.min(...figures), Math.max(...figures)]
    })
    return [name, ...columns.map((figure) => figure.toFixed(figure < 100 ? 1 : 0))]
  })
  printTable(['', 'first step', 'least', 'most', 'image', 'least', 'most'], rows)
}

/** Prints how the first one's time compares to that of each other; of those with a limit, whether it is met. */
export function printRatios(
  { title }: Course,
  times: ReadonlyMap<Builder, readonly Built[]>,
  own: Builder,
  peers: readonly (readonly [peer: Builder | undefined, limit: number | undefined])[],
): void {
  for (const [peer, limit] of peers) {
    if (!peer) continue
    const ratio = medianOf(times, own, 'ms') / medianOf(times, peer, 'ms')
    const what = `${title}, inboard / ${peer.name}`
    if (limit === undefined) console.log(`${what}: ${ratio.toFixed(3)}`)
    else printTarget(what, ratio, limit)
  }
}

export function medianOf(times: ReadonlyMap<Builder, readonly Built[]>, builder: Builder, what: keyof Built): number {
  return median((times.get(builder) ?? []).map((built) => built[what]))
}
