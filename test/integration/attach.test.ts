import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'
import { Terminal } from '../support/terminal.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

test('an interactive shell on a terminal: input, echo, size, exit code', async () => {
  const io = await engine.run('busybox', ['sh']).tty().interactive().rm().attach({ rows: 25, columns: 90 })
  const terminal = new Terminal(io)
  terminal.type('stty size; tty\n')
  expect(await terminal.until('/dev/')).toContain('25 90\r\n')
  terminal.type('exit 6\n')
  await terminal.rest()
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

const collected = async (stream: AsyncIterable<Buffer>) => {
  let all = ''
  for await (const chunk of stream) all += chunk
  return all
}

/** Reads until a text has come. */
async function until(stream: AsyncIterable<Buffer>, text: string): Promise<string> {
  let all = ''
  for await (const chunk of stream) {
    all += chunk
    if (all.includes(text)) break
  }
  return all
}

test('with logs, everything since the start comes once, whenever one attaches', async () => {
  const script = 'i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done; printf unfinished; read x; echo " end"'
  const container = await engine.run('busybox', ['sh', '-c', script]).interactive()
  const texts: Promise<string>[] = []
  let last = await container.attach({ logs: true })
  for (let count = 0; count < 12; count++) {
    texts.push(collected(last.stdout))
    last = await container.attach({ logs: true })
  }
  const other = inAnotherProcess<string>(
    host,
    `const io = await (await engine.containers.get('${container.id}')).attach({ logs: true })
     let all = ''
     io.stdout.on('data', (chunk) => { all += chunk; if (all.endsWith('unfinished')) io.stdin.write('go\\n') })
     await io.exit
     return all`,
  )
  const expected = `${Array.from({ length: 4000 }, (_, n) => `line ${n}\n`).join('')}unfinished end\n`
  expect(await other).toBe(expected)
  for (const text of [...texts, collected(last.stdout)]) expect(await text).toBe(expected)
  await container.remove({ force: true })
})

test('the detach keys let go of a terminal, and what only begins like them is passed on', async () => {
  const container = await engine.run('busybox', ['cat']).tty().interactive()
  const io = await container.attach()
  io.stdin.write('a\x10')
  io.stdin.write('b\n')
  expect(await until(io.stdout, 'a\x10b\r\n')).toContain('b\r\n')
  const again = await container.attach({ detachKeys: 'ctrl-a,d' })
  again.stdin.write('\x01')
  again.stdin.write('d')
  expect(await again.detached).toBe(true)
  await expect(again.exit).rejects.toMatchObject({ code: 'INVALID_STATE' })
  expect((await container.inspect()).State.Running).toBe(true)
  await expect(container.attach({ detachKeys: 'what' })).rejects.toThrow('Invalid detach keys (what) provided')
  await container.remove({ force: true })
  expect(await io.detached).toBe(false)
})

test('an abort lets go, too', async () => {
  const container = await engine.run('busybox', ['sleep', '1000'])
  const abort = new AbortController()
  const io = await container.attach({ signal: abort.signal })
  abort.abort(new Error('enough'))
  expect(await collected(io.stdout)).toBe('')
  await expect(io.exit).rejects.toThrow('enough')
  expect((await container.inspect()).State.Running).toBe(true)
  await container.remove({ force: true })
})

test('the end of input is the program’s when the last who can write has ended his', async () => {
  const io = await engine.run('busybox', ['cat']).interactive().attach()
  const other = await io.container.attach()
  io.stdin.end('one\n')
  expect(await until(other.stdout, 'one\n')).toBe('one\n')
  const third = await io.container.attach()
  other.stdin.end()
  third.stdin.end('two\n')
  expect(await collected(io.stdout)).toBe('one\ntwo\n')
  expect(await io.exit).toMatchObject({ exitCode: 0 })
  await io.container.remove()
})

test('of one that was started detached, input does not end with those who attach', async () => {
  const container = await engine.run('busybox', ['cat']).interactive()
  const { OpenStdin, StdinOnce, AttachStdout } = (await container.inspect()).Config
  expect({ OpenStdin, StdinOnce, AttachStdout }).toEqual({ OpenStdin: true, StdinOnce: false, AttachStdout: false })
  const one = await container.attach()
  one.stdin.end('one\n')
  expect(await until(one.stdout, 'one\n')).toBe('one\n')
  const two = await container.attach()
  two.stdin.write('two\n')
  expect(await until(two.stdout, 'two\n')).toBe('two\n')
  await container.remove({ force: true })
})

test('the end that it is started again after is the attachment’s', async () => {
  const container = await engine.run('busybox', ['sh', '-c', 'read x; echo $x; exit 4']).interactive().restart('always')
  const io = await container.attach()
  io.stdin.write('said\n')
  expect(await collected(io.stdout)).toBe('said\n')
  expect(await io.exit).toMatchObject({ exitCode: 4 })
  await container.remove({ force: true })
})

test('one that is stopped, paused or waits to be started again is refused in Docker’s words', async () => {
  const container = await engine.run('busybox', ['sleep', '1000'])
  await container.pause()
  await expect(container.attach()).rejects.toThrow('is paused, unpause the container before attach')
  await container.remove({ force: true })
  const ended = await engine.run('busybox', ['true'])
  await ended.wait()
  await expect(ended.attach()).rejects.toThrow('You cannot attach to a stopped container, start it first')
  await ended.remove()
})

test('with sigProxy, a signal of the attached process is the program’s, and its end that process’s', async () => {
  const container = await engine.run('busybox', [
    'sh',
    '-c',
    'trap "echo got it; exit 7" TERM; echo up; while :; do sleep 0.05; done',
  ])
  const attached = attachingProcess(`
    const io = await (await engine.containers.get('${container.id}')).attach({ logs: true, sigProxy: true })
    io.stdout.pipe(process.stdout)
    process.exitCode = (await io.exit).exitCode
    if (process.listenerCount('SIGTERM') > 0) process.exitCode = 99
  `)
  let text = ''
  attached.stdout.on('data', (chunk) => {
    text += chunk
  })
  await expect.poll(() => text).toBe('up\n')
  attached.kill('SIGTERM')
  const [code] = await once(attached, 'close')
  expect(text).toBe('up\ngot it\n')
  expect(code).toBe(7)
  await container.remove({ force: true })
})

test('container.resize() reaches the terminal, whoever is attached', async () => {
  const script = 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done'
  const io = await engine.run('busybox', ['sh', '-c', script]).tty().attach({ rows: 20, columns: 70 })
  let text = ''
  io.stdout.on('data', (chunk) => {
    text += chunk
  })
  await expect.poll(() => text).toBe('ready\r\n')
  await inAnotherProcess(host, `await (await engine.containers.get('${io.container.id}')).resize(31, 91)`)
  await io.exit
  expect(text).toBe('ready\r\n31 91\r\n')
  const resized: string[] = []
  for await (const { action, actor } of engine.events({
    since: 0,
    until: Date.now() + 1,
    filters: { container: io.container.id },
  }))
    if (action === 'resize') resized.push(`${actor.attributes.height}x${actor.attributes.width}`)
  expect(resized).toEqual(['31x91'])
  await io.container.remove()
})

/** A process that attaches. */
const attachingProcess = (body: string) => startEngineProcess(engine, `${body}; await engine.close()`)
