import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let host: TestEngine
let elsewhere: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  elsewhere = await host.reopen()
})
afterAll(() => host[Symbol.asyncDispose]())

type Wait = (container: Container, engine: Engine, signal: AbortSignal) => Promise<unknown>

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const waits: [string, Wait][] = [
  ['wait()', (container, _, signal) => container.wait({ signal })],
  ['wait() for the next exit', (container, _, signal) => container.wait({ condition: 'next-exit', signal })],
  ['wait() for the removal', (container, _, signal) => container.wait({ condition: 'removed', signal })],
  ['waitFor()', (container, _, signal) => container.waitFor('healthy', { signal })],
  ['logs()', (container, _, signal) => drain(container.logs({ follow: true, signal }))],
  ['stats()', (container, _, signal) => drain(container.stats({ stream: true, signal }))],
  ['events()', (_container, engine, signal) => drain(engine.events({ signal }))],
]

/** What an aborted wait is left of its signal, as somebody else's closures would keep it. */
async function abortedSignal(wait: Wait, container: Container, engine: Engine): Promise<WeakRef<AbortSignal>> {
  const abort = new AbortController()
  const waiting = wait(container, engine, abort.signal)
  // It is under way: everything it asks first has been answered by then.
  await container.inspect()
  await new Promise((resolve) => setTimeout(resolve, 50))
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  return new WeakRef(abort.signal)
}

test.each(waits)('an aborted %s leaves nothing, here and in a second engine', async (_name, wait) => {
  const container = await host.engine.run('busybox', ['sleep', '1000']).healthCmd('false').healthStartPeriod('1h')
  for (const engine of [host.engine, elsewhere]) {
    const signal = await abortedSignal(wait, await engine.containers.get(container.id), engine)
    await expect
      .poll(
        () => {
          collectGarbage()
          return signal.deref() === undefined
        },
        { timeout: 10_000 },
      )
      .toBe(true)
  }
  await container.remove({ force: true })
})
