import { execute } from '../workspace.js'

/** One way to do what is measured. */
export interface Contender {
  readonly name: string
  /** Undoes the last run, or makes what the next one needs; not measured. */
  prepare?(): Promise<unknown>
  run(): Promise<unknown>
}

/** When a run had its result, and when all that it had written was on the disk, in milliseconds from the call. */
export interface Run {
  readonly answered: number
  readonly synced: number
}

/** All in turns of one, after a first round that does not count. What others have written is on the disk by then. */
export async function inRounds(contenders: readonly Contender[], rounds: number): Promise<Map<Contender, Run[]>> {
  const runs = new Map(contenders.map((contender) => [contender, [] as Run[]]))
  for (let round = -1; round < rounds; round++) {
    for (const contender of contenders) {
      await contender.prepare?.()
      await execute('sync')
      const run = await timedRun(contender)
      if (round >= 0) runs.get(contender)?.push(run)
    }
  }
  return runs
}

async function timedRun(contender: Contender): Promise<Run> {
  const start = performance.now()
  await contender.run()
  const answered = performance.now() - start
  await execute('sync')
  return { answered, synced: performance.now() - start }
}
