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

test('an interactive shell on a terminal: input, echo, size, exit code', async () => {
  const io = await engine.run('busybox', ['sh']).tty().interactive().rm().attach({ rows: 25, columns: 90 })
  let text = ''
  io.stdin.write('stty size; tty\n')
  for await (const chunk of io.stdout) {
    text += chunk
    if (text.includes('/dev/console\r\n') || text.includes('/dev/pts/0\r\n')) io.stdin.write('exit 6\n')
  }
  expect(text).toContain('25 90\r\n')
  expect(await io.exit).toMatchObject({ exitCode: 6 })
})

test('a resize reaches the program as SIGWINCH and a new size', async () => {
  const script = 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done'
  const io = await engine
    .run('busybox', ['sh', '-c', script])
    .tty()
    .interactive()
    .rm()
    .attach({ rows: 20, columns: 70 })
  let text = ''
  for await (const chunk of io.stdout) {
    text += chunk
    if (text === 'ready\r\n') io.resize(33, 99)
  }
  expect(text).toBe('ready\r\n33 99\r\n')
})

test('pipes keep stdout and stderr apart, and stdin half-closes', async () => {
  const io = await engine.run('busybox', ['sh', '-c', 'cat; echo done >&2']).interactive().rm().attach()
  io.stdin.end('hello')
  const read = async (stream: AsyncIterable<Buffer>) =>
    (await import('../../src/container/streams.js')).collect(stream).then(String)
  expect(await Promise.all([read(io.stdout), read(io.stderr)])).toEqual(['hello', 'done\n'])
  expect(await io.exit).toMatchObject({ exitCode: 0 })
})

test('several attach at once and each sees all output from then on; one that does not read holds up nobody', async () => {
  const container = await engine
    .run('busybox', ['sh', '-c', 'read go; head -c 30000000 /dev/zero; echo end'])
    .interactive()
  const idle = await container.attach()
  const [one, other] = await Promise.all([container.attach(), container.attach()])
  one.stdin.write('go\n')
  const size = async (stream: AsyncIterable<Buffer>) => {
    let bytes = 0
    for await (const chunk of stream) bytes += chunk.length
    return bytes
  }
  expect(await Promise.all([size(one.stdout), size(other.stdout)])).toEqual([30_000_004, 30_000_004])
  expect(await container.wait()).toMatchObject({ exitCode: 0 })
  idle.detach()
  await container.remove()
})

test('detaching leaves it running', async () => {
  const container = await engine.run('busybox', ['sleep', '1000']).interactive()
  const io = await container.attach()
  io.detach()
  expect((await container.inspect()).State.Running).toBe(true)
  await container.remove({ force: true })
})
