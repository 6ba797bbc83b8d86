import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Operation, operationsOf } from './operation.js'

const settled = () => new Promise(setImmediate)

/** Work that reports what it is told to, until it is told to end. */
function controlled(signals: readonly (AbortSignal | undefined)[] = []) {
  let begun = 0
  let report!: (event: number) => void
  let end!: (result: string) => void
  let fail!: (reason: unknown) => void
  let stopped!: AbortSignal
  const operation = new Operation<number, string>((onEvent, signal) => {
    begun++
    report = onEvent
    stopped = signal
    return new Promise((resolve, reject) => {
      end = resolve
      fail = reject
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  }, signals)
  return {
    operation,
    begun: () => begun,
    report: (event: number) => report(event),
    end: (result: string) => end(result),
    fail: (reason: unknown) => fail(reason),
    signal: () => stopped,
  }
}

async function collect(operation: Operation<number, string>): Promise<number[]> {
  const events: number[] = []
  for await (const event of operation) events.push(event)
  return events
}

describe('an operation', () => {
  it('begins when it is first awaited, and is done once', async () => {
    const { operation, begun, end } = controlled()
    await settled()
    expect(begun()).toBe(0)
    const results = Promise.all([operation, operation.then((text) => text.length), operation.finally()])
    end('done')
    expect(await results).toEqual(['done', 4, 'done'])
    expect(await operation).toBe('done')
    expect(begun()).toBe(1)
  })

  it('tells its events in order, then the result', async () => {
    const { operation, report, end } = controlled()
    const events = collect(operation)
    await settled()
    report(1)
    report(2)
    await settled()
    report(3)
    end('done')
    expect(await events).toEqual([1, 2, 3])
    expect(await operation).toBe('done')
  })

  it('gives every loop all events', async () => {
    const { operation, report, end } = controlled()
    const loops = [collect(operation), collect(operation)]
    await settled()
    for (let event = 0; event < 5; event++) report(event)
    await settled()
    end('done')
    expect(await Promise.all(loops)).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ])
  })

  it('keeps the newest events for a reader that does not read', async () => {
    const { operation, report, end } = controlled()
    const loop = operation[Symbol.asyncIterator]()
    const first = loop.next()
    await settled()
    report(-1)
    expect((await first).value).toBe(-1)
    for (let event = 0; event < 5000; event++) report(event)
    expect((await loop.next()).value).toBe(4000)
    end('done')
    await operation
  })

  it('fails its loop and its result with the same error', async () => {
    const { operation, report, fail } = controlled()
    const events: number[] = []
    const loop = (async () => {
      for await (const event of operation) events.push(event)
    })()
    await settled()
    report(1)
    const error = new Error('cable cut')
    fail(error)
    await expect(loop).rejects.toBe(error)
    await expect(operation).rejects.toBe(error)
    expect(events).toEqual([1])
  })

  it('is stopped by a loop that is left, which waits for its end', async () => {
    const { operation, report, signal } = controlled()
    const loop = (async () => {
      for await (const _ of operation) break
    })()
    await settled()
    report(1)
    await loop
    expect(signal().aborted).toBe(true)
    await expect(operation).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('goes on when a loop is left and the result is awaited, or another loop goes on', async () => {
    const awaited = controlled()
    const result = awaited.operation.then((text) => text)
    const left = awaited.operation[Symbol.asyncIterator]()
    const next = left.next()
    await settled()
    awaited.report(1)
    await next
    await left.return?.()
    awaited.end('done')
    expect(await result).toBe('done')

    const read = controlled()
    const stays = collect(read.operation)
    const leaves = read.operation[Symbol.asyncIterator]()
    const one = leaves.next()
    await settled()
    read.report(1)
    await one
    await leaves.return?.()
    read.end('done')
    expect(await stays).toEqual([1])
  })

  it('stops with the reason of any of its signals, also before it has begun', async () => {
    const [user, closing] = [new AbortController(), new AbortController()]
    const running = controlled([user.signal, undefined, closing.signal])
    const result = running.operation.then((text) => text)
    closing.abort(new Error('closed'))
    await expect(result).rejects.toThrow('closed')
    expect(getEventListeners(user.signal, 'abort')).toEqual([])
    const late = controlled([closing.signal])
    await expect(late.operation).rejects.toThrow('closed')
    expect(late.begun()).toBe(0)
  })

  it('is waited for by whoever closes what it works on', async () => {
    const closing = new AbortController()
    let isClean = false
    const operation = new Operation<never, void>(
      async (_, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        await settled()
        isClean = true
        signal.throwIfAborted()
      },
      [closing.signal],
    )
    const failure = operation.catch((error: unknown) => (error as Error).message)
    closing.abort(new Error('closed'))
    await operationsOf(closing.signal)
    expect(isClean).toBe(true)
    expect(await failure).toBe('closed')
  })
})
