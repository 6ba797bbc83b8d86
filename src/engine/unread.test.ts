import { describe, expect, test } from 'vitest'
import { Operation } from './operation.js'
import { type Keeping, Unread } from './unread.js'

type Event =
  | { readonly log: Buffer }
  | { readonly progress: number }
  | { readonly step: string }
  | { readonly lost: [number, number] }

const keeping: Keeping<Event> = {
  sizeOf: (event) => ('log' in event ? event.log.length : 'step' in event ? 0 : undefined),
  lost: (events, bytes) => ({ lost: [events, bytes] }),
}

const megabyte = 1024 * 1024
const log = (bytes: number, fill = 0): Event => ({ log: Buffer.alloc(bytes, fill) })

function all(unread: Unread<Event>): Event[] {
  const events: Event[] = []
  for (let event = unread.take(); event !== undefined; event = unread.take()) events.push(event)
  return events
}

describe('what a reader has not read', () => {
  test('is all there of what is kept, and the newest thousand of the rest', () => {
    const unread = new Unread<Event>(keeping)
    for (let at = 0; at < 5000; at++) {
      unread.add({ progress: at })
      unread.add(log(1, at % 256))
    }
    const events = all(unread)
    expect(events.filter((event) => 'log' in event)).toHaveLength(5000)
    expect(events.filter((event) => 'progress' in event).map((event) => Object.values(event)[0])).toEqual(
      Array.from({ length: 1000 }, (_, at) => 4000 + at),
    )
  })

  test('is no more than 64 MiB: the oldest of the log goes, and what went is told; steps stay', () => {
    const unread = new Unread<Event>(keeping)
    unread.add({ step: 'first' })
    for (let at = 0; at < 70; at++) unread.add(log(megabyte, at))
    unread.add({ step: 'last' })
    const [told, first, oldest, ...rest] = all(unread)
    expect(told).toEqual({ lost: [7, 7 * megabyte] })
    expect(first).toEqual({ step: 'first' })
    expect((oldest as { log: Buffer }).log[0]).toBe(7)
    expect(rest).toHaveLength(63)
    expect(rest.at(-1)).toEqual({ step: 'last' })
  })

  test('costs the same for each of many', () => {
    const unread = new Unread<Event>(keeping)
    const began = performance.now()
    for (let at = 0; at < 200_000; at++) unread.add(log(1))
    expect(all(unread)).toHaveLength(200_000)
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

/** Work that writes a megabyte after the other, waiting where it is told to. */
function writer(count: number) {
  let written = 0
  const operation = new Operation<Event, string>(
    async (report, signal) => {
      for (; written < count; written++) {
        signal.throwIfAborted()
        await report(log(megabyte, written))
      }
      return 'done'
    },
    [],
    keeping,
  )
  return { operation, written: () => written }
}

describe('work that writes more than its reader reads', () => {
  test('waits for the reader, who gets all of it', async () => {
    const { operation, written } = writer(200)
    const ahead: number[] = []
    let read = 0
    for await (const event of operation) {
      expect((event as { log: Buffer }).log[0]).toBe(read++ % 256)
      await new Promise(setImmediate)
      ahead.push(written() - read)
    }
    expect(read).toBe(200)
    expect(Math.max(...ahead)).toBeLessThanOrEqual(3)
  })

  test('waits for nobody when its result is awaited, from then on', async () => {
    const { operation, written } = writer(200)
    const loop = operation[Symbol.asyncIterator]()
    await loop.next()
    await new Promise(setImmediate)
    expect(written()).toBeLessThan(5)
    expect(await operation).toBe('done')
    const events: Event[] = []
    for (let next = await loop.next(); next.done !== true; next = await loop.next()) events.push(next.value)
    const [told] = events
    const [lost = 0] = told && 'lost' in told ? told.lost : []
    expect(lost + events.filter((event) => 'log' in event).length).toBe(199)
    expect(lost).toBeGreaterThan(130)
  })

  test('waits no longer for a reader that leaves', async () => {
    const { operation } = writer(200)
    for await (const _ of operation) break
    await expect(operation).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('waits no longer when it is aborted', async () => {
    const abort = new AbortController()
    const ended = new Promise<string>((resolve) => {
      const operation = new Operation<Event, void>(
        async (report) => {
          await report(log(megabyte))
          await report(log(megabyte))
          resolve('ended')
        },
        [abort.signal],
        keeping,
      )
      void operation[Symbol.asyncIterator]().next()
    })
    await new Promise(setImmediate)
    abort.abort()
    expect(await ended).toBe('ended')
  })
})
