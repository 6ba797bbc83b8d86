import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { imageArchive } from '../support/images.js'
import { straceInjecting } from '../support/strace.js'
import { violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { type Running, startProgram } from './support/program.js'

/** At how many of its calls, of all that a life of a container has, each system call is struck. */
const strikes = 5

const killed = [
  'vfork',
  'clone',
  'clone3',
  'mkdir',
  'rename',
  'renameat',
  'renameat2',
  'write',
  'pwrite64',
  'connect',
  'openat',
  'openat2',
  'flock',
  'mount',
  'pivot_root',
  'rmdir',
  'unlinkat',
  'fcntl',
  'execve',
  'execveat',
  'exit_group',
]
const refused = ['mkdir', 'rename', 'renameat2', 'pwrite64', 'write', 'fdatasync', 'ftruncate', 'openat2']

interface Saying {
  readonly opened?: boolean
  readonly created?: string
  readonly removed?: string
  readonly code?: string
  readonly untyped?: string
}

async function preparedPlace(): Promise<Place> {
  const place = newPlace()
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  await engine.run('busybox', ['sleep', '1000']).name('longer')
  await engine.close()
  return place
}

const facts = { 'image busybox': 'present', 'container longer': 'running' }

/** How often each system call is made by each process of an undisturbed life, at most. */
async function countCalls(names: readonly string[]): Promise<Map<string, number>> {
  using place = await preparedPlace()
  const trace = `${place.directory}/trace`
  const { ended } = await startProgram('once', { roots: place.roots }, [
    'strace',
    '-f',
    '-qq',
    '-o',
    trace,
    '-e',
    `trace=${names.map((name) => `?${name}`).join()}`,
  ])
  await ended
  const calls = new Map<string, Map<string, number>>()
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, pid, name] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (pid === undefined || name === undefined) continue
    const byPid = calls.get(name) ?? new Map<string, number>()
    calls.set(name, byPid.set(pid, (byPid.get(pid) ?? 0) + 1))
  }
  await violations(place.roots)
  return new Map([...calls].map(([name, byPid]) => [name, Math.max(...byPid.values())]))
}

/** Evenly over all calls, the last among them. */
const chosenCalls = (count: number) => [
  ...new Set(Array.from({ length: Math.min(strikes, count) }, (_, n) => count - Math.floor((n * count) / strikes))),
]

async function struck(place: Place, syscall: string, effect: string, when: number): Promise<Running> {
  const running = await startProgram('once', { roots: place.roots }, straceInjecting(syscall, effect, when))
  await running.ended
  return running
}

test('killed at any of its system calls, an engine or a supervisor loses nothing and leaves nothing', async () => {
  const counts = await countCalls(killed)
  const wrong: string[] = []
  let kills = 0
  for (const [syscall, count] of counts)
    for (const when of chosenCalls(count)) {
      using place = await preparedPlace()
      const { said } = await struck(place, syscall, 'signal=SIGKILL', when)
      kills++
      const last = (said as Saying[]).filter(({ created, removed }) => created ?? removed).at(-1)
      const known = { ...facts, ...(last?.removed && { 'container kept': 'absent' }) }
      wrong.push(...(await violations(place.roots, known)).map((what) => `${syscall} ${when} of ${count}: ${what}`))
      wrong.push(
        ...(said as Saying[]).flatMap(({ untyped }) => (untyped ? [`${syscall} ${when}: untyped ${untyped}`] : [])),
      )
    }
  const lost = wrong.filter((what) => what.includes('lost:')).length
  console.log(`${kills} kills at ${counts.size} system calls, ${lost} lost acks, ${wrong.length - lost} leaks`)
  expect(wrong).toEqual([])
})

test('a system call that finds no space left is a typed error or does no harm, and what runs goes on', async () => {
  const counts = await countCalls(refused)
  const wrong: string[] = []
  const codes = new Map<string, number>()
  for (const [syscall, count] of counts)
    for (const when of chosenCalls(count)) {
      using place = await preparedPlace()
      const running = await struck(place, syscall, 'error=ENOSPC', when)
      const said = running.said as Saying[]
      for (const { code, untyped } of said) {
        if (code) codes.set(code, (codes.get(code) ?? 0) + 1)
        if (untyped) wrong.push(`${syscall} ${when} of ${count}: untyped ${untyped}`)
      }
      wrong.push(...(await violations(place.roots, facts)).map((what) => `${syscall} ${when} of ${count}: ${what}`))
    }
  console.log(`ENOSPC at ${counts.size} system calls: ${[...codes].map((entry) => entry.join(' ')).join(', ')}`)
  expect(wrong).toEqual([])
})
