import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { leaksOf } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import type { Acknowledgement } from './support/churn.js'
import { inconsistencies, removeAll, violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { type Running, startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'

const durationMs = 30_000
const processes = 3

test('engines and supervisors killed at random moments lose nothing that was acknowledged, and leave nothing', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = newPlace()
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  const wrong: string[] = []
  let kills = 0
  for (const end = performance.now() + durationMs; performance.now() < end; ) {
    const round = await killedRound(place, random)
    kills += round.kills
    wrong.push(...round.unexpected)
    // As a process that starts after the disaster finds it.
    const next = await Engine.open(place.roots)
    wrong.push(...(await inconsistencies(next, place.roots, round.facts)))
    await removeAll(next)
    await next.close()
  }
  await engine.close()
  wrong.push(...(await violations(place.roots)))
  const count = (what: string) => wrong.filter((text) => text.startsWith(what)).length
  const leaks = wrong.length - count('lost') - count('process')
  console.log(`seed ${chosen}: ${kills} kills, ${count('lost')} lost acks, ${count('process')} orphans, ${leaks} leaks`)
  expect(wrong).toEqual([])
})

/** Several processes at work on one root, all of them killed, and some supervisors on the way. */
async function killedRound(place: Place, random: Random) {
  const running = await Promise.all(
    Array.from({ length: processes }, (_, at) =>
      startProgram('churn', { roots: place.roots, prefix: `p${at}`, seed: random.below(2 ** 31) }),
    ),
  )
  const supervisors = killSupervisors(place, random, random.below(4))
  const engines = running.map((child) => killLater(child, 300 + random.below(1200)))
  await Promise.all(engines)
  const kills = (await supervisors) + processes
  const said = running.flatMap((child) => child.said) as (Acknowledgement & { unexpected?: string })[]
  const facts: Record<string, string> = {}
  for (const { name, fact } of said) {
    if (fact === undefined) delete facts[`container ${name}`]
    // A supervisor that is killed takes its container with it.
    else facts[`container ${name}`] = fact === 'running' ? 'running|exited 137' : fact
  }
  const unexpected = said.flatMap((one) => one.unexpected ?? [])
  for (const { ended } of running) {
    const { signal, stderr } = await ended
    if (signal !== 'SIGKILL') unexpected.push(`ended by itself: ${stderr}`)
  }
  return { kills, facts, unexpected }
}

async function killLater({ process, ended }: Running, ms: number): Promise<void> {
  const timer = setTimeout(() => process.kill('SIGKILL'), ms)
  await ended
  clearTimeout(timer)
}

async function killSupervisors(place: Place, random: Random, count: number): Promise<number> {
  let killed = 0
  for (let n = 0; n < count; n++) {
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(400)))
    const pids = (await leaksOf(place.directory).catch(() => [])).flatMap(
      (leak) => /^process (\d+)$/.exec(leak)?.[1] ?? [],
    )
    if (pids.length === 0) continue
    try {
      process.kill(Number(random.pick(pids)), 'SIGKILL')
      killed++
    } catch {
      // It has ended meanwhile.
    }
  }
  return killed
}
