import { beforeAll, describe, expect, test } from 'vitest'
import { type Script, stepsOf } from './docker-script.js'
import { compareWithDocker, type Outcome } from './docker-script-outcome.js'
import { scripts } from './docker-scripts/index.js'

/** Tests that follow scripts against the socket: each step shows what it must, and what it shows with Docker. */
export function followScripts(...names: readonly string[]): void {
  for (const name of names) {
    const script = scripts.find((one) => one.name === name)
    if (!script) throw new Error(`there is no script ${name}`)
    describe(name, () => tests(script))
  }
}

function tests(script: Script): void {
  let outcome: Outcome
  beforeAll(async () => {
    outcome = await compareWithDocker(script)
  }, 180_000)
  stepsOf(script).forEach(({ run }, at) => {
    test(`${at + 1} ${run.slice(0, 120)}`, () => {
      expect(outcome.followed[at]?.problem).toBeUndefined()
      expect(outcome.verdicts[at]?.unexplained).toEqual([])
    })
  })
  test('what is listed as different is', () => expect(outcome.stale).toEqual([]))
  test('everything of it can be removed, and nothing is left', () => expect(outcome.left).toEqual([]))
}
