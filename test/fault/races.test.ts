import { expect, test } from 'vitest'
import { testEngine } from '../support/engine.js'
import { violations } from './support/invariants.js'
import { archivesIn, newPlace, rootsOf, startRepository } from './support/place.js'
import { type Running, startProgram } from './support/program.js'

const processes = 8
const rounds = 5
const turnsOfRound = 5
/** Who waits longer than this on a busy machine waits for ever. */
const patienceMs = 60_000

interface Turn {
  readonly round: number
  readonly verb: 'create' | 'start' | 'stop' | 'remove' | 'mixed'
  readonly code: string
  readonly tookMs: number
}

/** Processes that have opened a root, and take the same turns. */
async function startRacing(argument: Parameters<typeof startProgram<'race'>>[1]): Promise<Running[]> {
  const racing = await Promise.all(Array.from({ length: processes }, () => startProgram('race', argument)))
  await Promise.all(racing.map((one) => one.hasSaid(1)))
  return racing
}

/** All take their next turn at once, and none the one after it before the last of them is done. */
async function takeTurn(racing: readonly Running[]): Promise<void> {
  const before = racing.map(({ said }) => said.length)
  for (const { process } of racing) process.stdin.write('\n')
  await Promise.all(racing.map((one, at) => one.hasSaid((before[at] ?? 0) + 1)))
}

test('eight processes at the same names and ids: one wins, the others are told so, and none waits for ever', async () => {
  await using host = await testEngine(['busybox'])
  const racing = await startRacing({ roots: rootsOf(host), rounds })
  for (let turn = 0; turn < rounds * turnsOfRound; turn++) await takeTurn(racing)
  await Promise.all(racing.map(({ ended }) => ended))
  const turns = racing.flatMap(({ said }) => said.slice(1)) as Turn[]
  const codes = (round: number, verb: Turn['verb']) =>
    turns.filter((turn) => turn.round === round && turn.verb === verb).map(({ code }) => code)
  for (let round = 0; round < rounds; round++) {
    const created = codes(round, 'create')
    expect(created.filter((code) => /^[0-9a-f]{64}$/.test(code))).toHaveLength(1)
    expect(created.filter((code) => code === 'NAME_IN_USE')).toHaveLength(processes - 1)
    expect(codes(round, 'start')).toEqual(Array(processes).fill('done'))
    expect(codes(round, 'stop')).toEqual(Array(processes).fill('done'))
    const removed = codes(round, 'remove')
    expect(removed).toContain('done')
    expect(removed.filter((code) => !['done', 'CONTAINER_NOT_FOUND', 'CONTAINER_IN_USE'].includes(code))).toEqual([])
  }
  const mixed = new Set(turns.filter(({ verb }) => verb === 'mixed').flatMap(({ code }) => code.split(',')))
  const typed = ['', 'NAME_IN_USE', 'CONTAINER_NOT_FOUND', 'CONTAINER_IN_USE', 'INVALID_STATE', 'LAUNCH_FAILED']
  expect([...mixed].filter((code) => !typed.includes(code))).toEqual([])
  expect(Math.max(...turns.map(({ tookMs }) => tookMs))).toBeLessThan(patienceMs)
  expect(await violations(rootsOf(host))).toEqual([])
})

test('a container that several processes start at once has one start', async () => {
  await using host = await testEngine(['busybox'])
  const container = await host.engine
    .run('busybox', ['sh', '-c', 'echo started; exec sleep 1000'])
    .name('raced-0')
    .create()
  const racing = await startRacing({ roots: rootsOf(host), rounds: 1 })
  await takeTurn(racing)
  await takeTurn(racing)
  await expect.poll(() => container.logs().text()).toContain('started')
  // With its end all that it has printed is there.
  await takeTurn(racing)
  const text = await container.logs().text()
  for (let turn = 3; turn < turnsOfRound; turn++) await takeTurn(racing)
  await Promise.all(racing.map(({ ended }) => ended))
  expect(text).toBe('started\n')
})

test('a process that is killed while it holds a lock keeps nobody from it', async () => {
  for (const name of ['start.begin', 'launch.spawn', 'run-directory.remove', 'collection.collect', 'images.record']) {
    using place = newPlace()
    await using registry = await startRepository()
    const archives = { ...(await archivesIn(place)), repository: registry.repository }
    await (await startProgram('scenario', { roots: place.roots, archives, point: { name, call: 1 } })).ended
    const began = performance.now()
    expect(await violations(place.roots)).toEqual([])
    expect(performance.now() - began).toBeLessThan(patienceMs)
  }
})

test('eight processes that make a root at once agree on it', async () => {
  using place = newPlace()
  const opened = Array.from({ length: processes }, () => startProgram('open', { roots: place.roots }))
  const ended = await Promise.all((await Promise.all(opened)).map(({ ended }) => ended))
  expect(ended.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(Array(processes).fill('0 '))
})
