import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { faults } from '../../src/engine/launcher.js'
import { failpoints } from '../../src/errors/failpoint.js'
import type { Container, ExecProcess } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

let host: TestEngine
let container: Container
beforeAll(async () => {
  host = await testEngine(['busybox'])
  container = await host.engine.run('busybox', ['sleep', '1000']).init()
})
afterEach(() => failpoints.clear())
afterAll(() => host[Symbol.asyncDispose]())

/** What there is of execs: records of those that have not ended, sockets, cgroups, and processes beside the first ones. */
async function traces(): Promise<string[]> {
  const directory = join(host.directory, 'run', container.id, 'exec')
  const kept = await Promise.all(
    (await readdir(directory)).map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8').catch(String)
      return /^[0-9a-f]{64}$/.test(name) && /^\{"signaled":.*\}$/m.test(text) ? [] : [`file ${name} with ${text}`]
    }),
  )
  const rootId = (await readFile(join(host.directory, 'root/id'), 'utf8')).trim()
  const unified = join('/sys/fs/cgroup/unified', `inboard-${rootId}`, container.id)
  const cgroups = (await readdir(unified).catch(() => [])).filter((name) => name.startsWith('exec-'))
  const { processes } = await container.top()
  const others = processes.map((words) => words.at(-1) ?? '').filter((words) => !/sleep 1000|init/.test(words))
  return [...kept.flat(), ...cgroups.map((name) => `cgroup ${name}`), ...others.map((words) => `process ${words}`)]
}

test.each(['error', 'kill'] as const)('%s at each step of its plan leaves nothing of an exec', async (kind) => {
  const run = async () => container.exec(['sh', '-c', 'exit 5'])
  await run()
  const { steps } = faults
  const wrong: string[] = []
  for (const [step, name] of steps.entries()) {
    if (name === 'section') continue
    faults.next = { step, kind }
    const outcome = await run().catch((error: unknown) => error)
    const isLate = step > steps.indexOf('execute')
    const isRight = isLate ? (outcome as { exitCode?: number }).exitCode === 5 : outcome instanceof Error
    if (!isRight) wrong.push(`${kind} at step ${step} (${name}): ${outcome}`)
    wrong.push(...(await settled(traces)).map((left) => `${kind} at step ${step} (${name}): left ${left}`))
  }
  expect(wrong).toEqual([])
  expect(await run()).toMatchObject({ exitCode: 5 })
})

async function startFamily(): Promise<ExecProcess> {
  const family = await container.exec(['sh', '-c', 'setsid sleep 4321 & echo up; wait']).start()
  for await (const _ of family.stdout) break
  return family
}

/** Kills the supervisor of an exec. */
async function killSupervisor({ id }: ExecProcess): Promise<void> {
  const record = await readFile(join(host.directory, 'run', container.id, 'exec', id), 'utf8')
  process.kill(Number(/"supervisorPid":(\d+)/.exec(record)?.[1]), 'SIGKILL')
}

test('a killed supervisor takes its exec along, and everything that it has started', async () => {
  const family = await startFamily()
  await killSupervisor(family)
  expect(await family.exit).toBe(137)
  expect(await settled(traces)).toEqual([])
  await expect(container.getExec(family.id)).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
})

/** How often the end of an exec was told. */
async function endsTold(exec: string): Promise<number> {
  let count = 0
  const filters = { container: container.id, event: 'exec_die' }
  for await (const { actor } of host.engine.events({ since: 0, until: Date.now() + 1, filters }))
    if (actor.attributes.execID === exec) count++
  return count
}

test.each([
  { point: 'exec.clear', told: 0 },
  { point: 'exec.remove', told: 1 },
])('the end of a lost exec is told once, also when who finds it is stopped at $point', async ({ point, told }) => {
  const family = await startFamily()
  failpoints.set(point, () => {
    throw new Error('stopped')
  })
  await killSupervisor(family)
  expect(await family.exit).toBe(137)
  expect(await endsTold(family.id)).toBe(told)
  failpoints.clear()

  await expect((await container.getExec(family.id)).inspect()).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
  expect(await endsTold(family.id)).toBe(1)
})
