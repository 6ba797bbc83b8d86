import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

async function ended(script: string) {
  const container = await engine.run('busybox', ['sh', '-c', script])
  await container.wait()
  return container
}

test('keeps lines, streams and times', async () => {
  const container = await ended('echo one; echo two >&2; printf three')
  const entries = await collectEntries(container.logs())
  expect(entries.map(({ stream, text }) => [stream, text])).toEqual(
    expect.arrayContaining([
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
      ['stdout', 'three'],
    ]),
  )
  expect(entries[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
})

test('tail, streams alone, and text with timestamps', async () => {
  const container = await ended('for i in 1 2 3 4 5; do echo $i; done; echo e >&2')
  expect(await container.logs({ tail: 2, stderr: false }).text()).toMatch(/^(4\n)?5\n$/)
  expect(await container.logs({ tail: 0 }).text()).toBe('')
  expect(await container.logs({ stdout: false }).text()).toBe('e\n')
  expect(await container.logs({ tail: 1 }).text({ timestamps: true })).toMatch(/^\d{4}-.*Z (5|e)\n$/)
})

test('follow gives every line of a running container once and ends with it', async () => {
  const container = await engine.run('busybox', [
    'sh',
    '-c',
    'for i in $(seq 1 2000); do echo line $i; done; sleep 0.1; echo last',
  ])
  const entries = await collectEntries(container.logs({ follow: true }))
  expect(entries.map(({ text }) => text)).toEqual([
    ...Array.from({ length: 2000 }, (_, i) => `line ${i + 1}\n`),
    'last\n',
  ])
})

test('follow stops when aborted, and the container runs on', async () => {
  const container = await engine.run('busybox', ['sh', '-c', 'echo ready; sleep 1000'])
  const abort = new AbortController()
  const follow = (async () => {
    for await (const { text } of container.logs({ follow: true, signal: abort.signal }))
      if (text === 'ready\n') abort.abort(new Error('enough'))
  })()
  await expect(follow).rejects.toThrow('enough')
  expect((await container.inspect()).State.Running).toBe(true)
  await container.remove({ force: true })
})

test('any bytes come through as Docker keeps them: invalid UTF-8 replaced, control characters kept', async () => {
  const container = await ended(String.raw`printf '\001\033[31m"\\\377<\n'`)
  expect(await container.logs().text()).toBe('\u0001\u001b[31m"\\\ufffd<\n')
})

test('a line longer than 16 KiB comes in parts', async () => {
  const container = await ended('head -c 40000 /dev/zero | tr "\\0" x; echo')
  const entries = await collectEntries(container.logs())
  expect(entries.map(({ text }) => text.length)).toEqual([16384, 16384, 7233])
})

async function collectEntries<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of iterable) all.push(item)
  return all
}
