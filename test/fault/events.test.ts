import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { openJournal } from '../../src/events/journal.js'
import { lineHead } from '../../src/events/line.js'
import { readEvents } from '../../src/events/reader.js'
import type { EngineEvent } from '../../src/index.js'
import { isOfEvents, readAll, writeEvents } from './support/event-writer.js'
import { failpointNames } from './support/invariants.js'
import { runProgram, startProgram } from './support/program.js'
import type { Point } from './support/programs.js'

const names = failpointNames().filter(isOfEvents)
const writing = { prefix: 'own', count: 12 }
const all = Array.from({ length: writing.count }, (_, n) => `own-${n}`)

let root: string
beforeEach(() => {
  root = mkdtempSync('/tmp/ib-events-')
})
afterEach(() => {
  failpoints.clear()
  rmSync(root, { recursive: true })
})

const idsOf = (events: readonly EngineEvent[]) => events.map(({ actor }) => actor.id)

/** Of the calls of failpoints that the writer makes, the first of each, and one in the middle. */
async function passedPoints(): Promise<Point[]> {
  const calls = new Map<string, number>()
  for (const name of names) failpoints.set(name, () => calls.set(name, (calls.get(name) ?? 0) + 1))
  await writeEvents({ ...writing, root }, () => {})
  failpoints.clear()
  return [...calls].flatMap(([name, count]) => [...new Set([1, Math.ceil(count / 2)])].map((call) => ({ name, call })))
}

test('a writer that is killed at any failpoint loses nothing that has happened, and tells nothing twice', async () => {
  const points = await passedPoints()
  expect([...new Set(points.map(({ name }) => name))].sort()).toEqual(names)
  expect(await Promise.all(points.map(wrongAfterKill))).toEqual(points.map(() => undefined))
})

async function wrongAfterKill(point: Point): Promise<string | undefined> {
  const place = mkdtempSync('/tmp/ib-events-')
  try {
    const { said, ended } = await startProgram('events', { ...writing, root: place, point })
    const { signal } = await ended
    const told = idsOf(await readAll(place))
    const isWhole = told.length >= said.length && told.every((id, at) => id === all[at])
    return signal === 'SIGKILL' && isWhole ? undefined : `${point.name} ${point.call}: ${signal}, ${told} of ${said}`
  } finally {
    rmSync(place, { recursive: true })
  }
}

test('what fails while it is told is told later', async () => {
  for (const name of names.filter((one) => one !== 'events.record' && one !== 'events.forget')) {
    const place = mkdtempSync('/tmp/ib-events-')
    let calls = 0
    failpoints.set(name, () => {
      if (++calls === 2) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    })
    await writeEvents({ ...writing, root: place }, () => {})
    failpoints.clear()
    expect([name, idsOf(await readAll(place))]).toEqual([name, all])
    rmSync(place, { recursive: true })
  }
})

test('several processes tell everything once, in order, while another one leaves torn lines', async () => {
  const prefixes = ['a', 'b', 'c']
  const writers = prefixes.map((prefix) => runProgram('events', { root, prefix, count: 200 }))
  const said = (await Promise.all(writers)) as string[][]
  appendFileSync(`${root}/events.jsonl`, '{"torn')
  const events = await readAll(root)
  for (const [at, prefix] of prefixes.entries())
    expect(idsOf(events).filter((id) => id.startsWith(prefix))).toEqual(said[at])
  const times = events.map(({ timeNano }) => timeNano)
  expect(times).toEqual([...new Set(times)].sort((one, other) => (one < other ? -1 : 1)))
  expect(events.length).toBe(600)
})

test('numbers that a power cut took back from the store are not given again', async () => {
  await writeEvents({ ...writing, root }, () => {})
  rmSync(`${root}/inboard.sqlite`)
  rmSync(`${root}/inboard.sqlite-wal`, { force: true })
  rmSync(`${root}/inboard.sqlite-shm`, { force: true })
  await writeEvents({ root, prefix: 'later', count: 3 }, () => {})
  expect(idsOf(await readAll(root))).toEqual([...all, 'later-0', 'later-1', 'later-2'])
})

test('what a full disk has taken of a batch is not taken back from who has read it', async () => {
  const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'inboard-test', root])
  mount('size=64k')
  try {
    const journal = openJournal(root)
    const head = (id: number) => lineHead({ type: 'volume', action: 'create', id: String(id), attributes: {} })
    const entries = Array.from({ length: 1000 }, (_, n) => ({ outbox: n + 1, atNs: BigInt(n + 1), head: head(n + 1) }))
    const append = () => journal.append((told) => entries.slice(told))
    const { signal } = new AbortController()
    const events = readEvents(journal, { afterNs: 0n, untilNs: undefined, signal, isPersistent: true })
    expect(append).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    const { outbox } = journal.position()
    expect(outbox).toBeGreaterThan(100)
    const seen: EngineEvent[] = []
    while (seen.length < outbox) seen.push((await events.next()).value as EngineEvent)
    mount('remount,size=1m')
    expect(append()).toBe(1000)
    while (seen.length < 1000) seen.push((await events.next()).value as EngineEvent)
    expect(idsOf(seen)).toEqual(entries.map((entry) => String(entry.outbox)))
    await events.return()
    journal.close()
  } finally {
    execFileSync('umount', ['--lazy', root])
  }
})
