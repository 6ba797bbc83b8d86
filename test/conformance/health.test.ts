import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, ContainerHealth, Engine, HealthcheckInput, ImageHealthcheck } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

interface Result {
  readonly test: readonly string[]
  readonly timeout: number
  readonly Status: string
  readonly ExitCode: number
  readonly Output: string
  readonly events: readonly string[]
}

interface Stage {
  readonly Status: string
  readonly FailingStreak: number
  readonly checks: number
}

/** Recorded by `facts/health.mjs`. */
const facts: {
  readonly results: readonly Result[]
  readonly ofImage: ImageHealthcheck
  readonly merges: readonly { healthcheck: ImageHealthcheck | null; merged: ImageHealthcheck }[]
  readonly life: Readonly<Record<string, Stage | null>>
} = JSON.parse(fact('health.json'))

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

const sleeping = ['sleep', '1000']
const remove = (container: Container) => container.remove({ force: true })

/** Actions from the first check to the next one, or to the last of those that are expected. */
async function eventsOf(container: Container, count: number): Promise<string[]> {
  const seen: string[] = []
  for await (const { action } of engine.events({ since: '1h', filters: { container: container.id } })) {
    if (seen.length > 0 || action.startsWith('exec_create')) seen.push(action)
    if (seen.length === count) break
  }
  return seen
}

test.each(facts.results)('a check with $test', async ({ test, timeout, events, ...told }) => {
  // The next check comes after the last event that is expected.
  const check = { test, timeout, interval: 200, retries: 1 }
  const container = await engine.run('busybox', sleeping).healthcheck(check)
  const actions = await eventsOf(container, events.length)
  const health = (await container.inspect()).State.Health
  await remove(container)
  expect(actions).toEqual(events)
  expect({ Status: health?.Status, ...health?.Log[0] }).toMatchObject(told)
})

const ms = (ns: number | undefined) => (ns === undefined ? undefined : ns / 1e6)
const given = ({ Test, Interval, StartPeriod, Retries }: ImageHealthcheck) =>
  Object.fromEntries(
    Object.entries({ test: Test, interval: ms(Interval), startPeriod: ms(StartPeriod), retries: Retries }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as HealthcheckInput

test('the check of a container is its own, and where that says nothing its image’s', async () => {
  const instruction = 'HEALTHCHECK --interval=7s --timeout=3s --retries=9 CMD echo hi'
  const base = await engine.run('busybox', sleeping).create()
  const image = await base.commit('checked', { changes: [instruction] })
  const merges = []
  for (const { healthcheck } of facts.merges) {
    const container = await engine
      .run('checked', sleeping)
      .healthcheck(healthcheck ? given(healthcheck) : {})
      .create()
    merges.push({ healthcheck, merged: (await container.inspect()).Config.Healthcheck })
    await remove(container)
  }
  await remove(base)
  expect((await image.inspect()).Config?.Healthcheck).toEqual(facts.ofImage)
  expect(merges).toEqual(facts.merges)
})

const stageOf = (health: ContainerHealth | undefined): Stage | null =>
  health ? { Status: health.Status, FailingStreak: health.FailingStreak, checks: health.Log.length } : null

test('what is told of its health as it lives', async () => {
  const life: Record<string, Stage | null> = {}
  const shared = join(host.directory, 'shared')
  // No check ends while there is this file.
  const hold = join(shared, 'hold')
  mkdirSync(shared)
  writeFileSync(hold, '')
  const container = await engine
    .run('busybox', sleeping)
    .volume(`${shared}:/shared`)
    .healthCmd('while test -f /shared/hold; do sleep 0.02; done')
    .healthInterval(20)
    .healthRetries(1)
    .create()
  const note = async (stage: string) => {
    life[stage] = stageOf((await container.inspect()).State.Health)
  }
  await note('created')
  await container.start()
  await note('started')
  rmSync(hold)
  await expect
    .poll(async () => (await container.inspect()).State.Health, { timeout: 20_000 })
    .toMatchObject({ Status: 'healthy', Log: { length: 5 } })
  writeFileSync(hold, '')
  await container.pause()
  await note('paused')
  await container.unpause()
  await note('unpaused')
  rmSync(hold)
  await container.waitFor('healthy')
  writeFileSync(hold, '')
  await container.stop({ timeoutMs: 0 })
  await note('stopped')
  await container.start()
  await note('started again')
  await remove(container)
  expect(life).toEqual(facts.life)
})
