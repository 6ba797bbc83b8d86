import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Journal, openJournal } from './journal.js'
import { lineHead } from './line.js'
import { readEvents } from './reader.js'

let root: string
let journal: Journal
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
  journal = openJournal(root, { maximumBytes: 2000, files: 50 })
})
afterEach(() => {
  journal.close()
  rmSync(root, { recursive: true })
})

const put = (outbox: number) =>
  journal.append(() => [
    {
      outbox,
      atNs: BigInt(outbox),
      head: lineHead({ type: 'volume', action: 'create', id: String(outbox), attributes: { driver: 'local' } }),
    },
  ])

const follow = (
  afterNs: bigint,
  { signal = new AbortController().signal, untilNs = undefined as bigint | undefined } = {},
) => readEvents(journal, { afterNs, untilNs, signal, isPersistent: true })

const upTo = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

it('replays, then follows across rotations, without gap or double', async () => {
  for (let outbox = 1; outbox <= 100; outbox++) put(outbox)
  const seen: string[] = []
  const reading = (async () => {
    for await (const { actor } of follow(0n)) {
      seen.push(actor.id)
      if (actor.id === '400') return
    }
  })()
  for (let outbox = 101; outbox <= 400; outbox++) {
    put(outbox)
    if (outbox % 7 === 0) await setImmediate()
  }
  await reading
  expect(seen).toEqual(upTo(400))
})

it('waits for a journal that is not there yet', async () => {
  const events = follow(0n)
  const first = events.next()
  await setImmediate()
  put(1)
  expect((await first).value?.actor.id).toBe('1')
  await events.return()
})

it('ends at a moment that has passed, and at one that comes', async () => {
  put(1)
  put(2)
  const ids: string[] = []
  for await (const { actor } of follow(0n, { untilNs: 1n })) ids.push(actor.id)
  for await (const { actor } of follow(0n, { untilNs: BigInt(Date.now() + 50) * 1_000_000n })) ids.push(actor.id)
  expect(ids).toEqual(['1', '1', '2'])
})

it('ends with the reason of its signal', async () => {
  const stop = new AbortController()
  const events = follow(0n, { signal: stop.signal })
  const first = events.next()
  await setImmediate()
  stop.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
})

it('passes over what has been dropped while it did not read', async () => {
  journal.close()
  journal = openJournal(root, { maximumBytes: 1000, files: 2 })
  put(1)
  const events = follow(0n)
  const first = await events.next()
  for (let outbox = 2; outbox <= 60; outbox++) put(outbox)
  const ids = [first.value?.actor.id]
  for await (const { actor } of events) {
    ids.push(actor.id)
    if (actor.id === '60') break
  }
  const rest = ids.slice(-5)
  expect(rest).toEqual(['56', '57', '58', '59', '60'])
  expect(new Set(ids).size).toBe(ids.length)
})
