import type { Engine } from 'inboard'
import { median, printTarget } from '../statistics.js'
import { compileProgram } from '../workspace.js'

const seconds = '2'
const turns = 3
/** Queries on their way at a time: one after the other, and as many as keep the resolver busy. */
const outstanding = [1, 64]

/** Answers a second of the resolver in a container on a user-defined network, for a neighbour's name. */
export async function measureNames(engine: Engine): Promise<void> {
  const network = await engine.networks.create('names').driver('bridge')
  const neighbour = await engine.run('busybox', ['sleep', '1000000']).network('names').name('neighbour')
  const program = await compileProgram('dns-load')
  try {
    console.log('')
    for (const count of outstanding) {
      const rates: number[] = []
      for (let turn = 0; turn < turns; turn++) rates.push(await rate(engine, program, count))
      const what = `DNS answers a second for a local name, ${count} on their way`
      if (count === 1) console.log(`${what}: ${median(rates).toFixed(0)}`)
      else printTarget(what, median(rates), 20_000, '', 'atLeast')
    }
  } finally {
    await neighbour.remove({ force: true })
    await network.remove()
  }
}

async function rate(engine: Engine, program: string, count: number): Promise<number> {
  const command = ['/dns-load', '127.0.0.11', 'neighbour', seconds, String(count)]
  const run = engine.run('busybox', command).volume(`${program}:/dns-load:ro`)
  const { exitCode, stdout, stderr } = await run.network('names').rm().output()
  if (exitCode !== 0) throw new Error(`dns-load ended with ${exitCode}: ${stderr}`)
  const { answersPerSecond, wrong } = JSON.parse(stdout)
  if (wrong > 0) throw new Error(`dns-load: ${stdout}`)
  return answersPerSecond
}
