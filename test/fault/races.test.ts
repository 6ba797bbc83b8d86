import { expect, test } from 'vitest'
import { testEngine } from '../support/engine.js'
import { violations } from './support/invariants.js'
import { archivesIn, newPlace, rootsOf, startRepository } from './support/place.js'
import { runProgram, startProgram } from './support/program.js'

const processes = 8
const rounds = 5

interface Turn {
  readonly round: number
  readonly verb: 'create' | 'start' | 'stop' | 'remove' | 'mixed'
  readonly code: string
  readonly tookMs: number
}

test('eight processes at the same names and ids: one wins, the others are told so, and none waits for ever', async () => {
  await using host = await testEngine(['busybox'])
  const argument = { roots: rootsOf(host), rounds, startAt: Date.now() + 1500, periodMs: 300 }
  const said = await Promise.all(Array.from({ length: processes }, () => runProgram('race', argument)))
  const turns = said.flat() as Turn[]
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
    expect(removed.filter((code) => code !== 'done' && code !== 'CONTAINER_NOT_FOUND')).toEqual([])
  }
  const mixed = new Set(turns.filter(({ verb }) => verb === 'mixed').flatMap(({ code }) => code.split(',')))
  const typed = ['', 'NAME_IN_USE', 'CONTAINER_NOT_FOUND', 'INVALID_STATE', 'LAUNCH_FAILED']
  expect([...mixed].filter((code) => !typed.includes(code))).toEqual([])
  expect(Math.max(...turns.map(({ tookMs }) => tookMs))).toBeLessThan(10_000)
  expect(await violations(rootsOf(host))).toEqual([])
})

test('a container that several processes start at once has one start', async () => {
  await using host = await testEngine(['busybox'])
  const container = await host.engine
    .run('busybox', ['sh', '-c', 'echo started; exec sleep 1000'])
    .name('raced-0')
    .create()
  const argument = { roots: rootsOf(host), rounds: 1, startAt: Date.now() + 1500, periodMs: 1000 }
  const programs = await Promise.all(Array.from({ length: processes }, () => startProgram('race', argument)))
  const log = () => container.logs().text()
  const deadline = performance.now() + 10_000
  const started = () => programs.every(({ said }) => said.some((turn) => (turn as Turn).verb === 'start'))
  while (!started() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2))
  const text = await log()
  await Promise.all(programs.map(({ ended }) => ended))
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
    expect(performance.now() - began).toBeLessThan(5000)
  }
})

test('eight processes that make a root at once agree on it', async () => {
  using place = newPlace()
  const opened = Array.from({ length: processes }, () => startProgram('open', { roots: place.roots }))
  const ended = await Promise.all((await Promise.all(opened)).map(({ ended }) => ended))
  expect(ended.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(Array(processes).fill('0 '))
})
