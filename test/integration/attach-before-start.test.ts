import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Attachment, Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

const create = (script: string, interactive = false): Promise<Container> => {
  const builder = engine.run('busybox', ['sh', '-c', script]).network('none').rm()
  return (interactive ? builder.interactive() : builder).create()
}

const both = async ({ stdout, stderr }: Attachment) => Promise.all([text(stdout), text(stderr)])

test('who attaches before the start has every byte of both streams, and how it ends', async () => {
  const container = await create('echo first; echo second >&2; exit 3')
  const io = await container.attach({ waitForStart: true })
  expect(await container.start()).toBe(true)
  expect(await both(io)).toEqual(['first\n', 'second\n'])
  expect(await io.exit).toMatchObject({ exitCode: 3 })
  expect(await io.detached).toBe(false)
})

test('several share a start, each with the streams that it wants; the input ends with the last of them', async () => {
  const container = await create('cat; echo ended; echo error >&2', true)
  const [one, other, errors] = await Promise.all([
    container.attach({ waitForStart: true }),
    container.attach({ waitForStart: true }),
    container.attach({ waitForStart: true, stdin: false, stdout: false }),
  ])
  const outputs = Promise.all([both(one), both(other), both(errors)])
  one.stdin.end('1')
  await container.start()
  other.stdin.end('2')
  const [mine, others, onlyErrors] = await outputs
  expect(mine[0]).toMatch(/^(12|21)ended\n$/)
  expect(others).toEqual(mine)
  expect(onlyErrors).toEqual(['', 'error\n'])
})

test('startAttached() shares with those who wait already', async () => {
  const container = await create('echo hello')
  const early = await container.attach({ waitForStart: true })
  const starter = await container.startAttached()
  expect(await Promise.all([both(early), both(starter)])).toEqual([
    ['hello\n', ''],
    ['hello\n', ''],
  ])
})

test('one that does not read holds up neither the container, nor its end, nor others, and has all of it later', async () => {
  const container = await engine
    .run('busybox', ['sh', '-c', 'head -c 30000000 /dev/zero; echo end >&2; exit 2'])
    .create()
  const idle = await container.attach({ waitForStart: true })
  const reader = await container.attach({ waitForStart: true })
  const size = async (stream: AsyncIterable<Buffer>) => {
    let bytes = 0
    for await (const chunk of stream) bytes += chunk.length
    return bytes
  }
  const read = Promise.all([size(reader.stdout), text(reader.stderr)])
  await container.start()
  expect(await container.wait()).toMatchObject({ exitCode: 2 })
  expect(await read).toEqual([30_000_000, 'end\n'])
  expect(await Promise.all([size(idle.stdout), text(idle.stderr)])).toEqual([30_000_000, 'end\n'])
  expect(await idle.exit).toMatchObject({ exitCode: 2 })
  await container.remove()
})

test('a start that fails ends the streams, and exit rejects with its error', async () => {
  const container = await engine.run('busybox', ['/no/such/program']).create()
  const io = await container.attach({ waitForStart: true })
  await expect(container.start()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
  expect(await both(io)).toEqual(['', ''])
  await expect(io.exit).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
  await container.remove()
})

test('a removal ends the waiting', async () => {
  const container = await create('true')
  const io = await container.attach({ waitForStart: true })
  await container.remove()
  expect(await both(io)).toEqual(['', ''])
  await expect(io.exit).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
})

test('who lets go before the start gets nothing, and the start is as if nobody had been there', async () => {
  const container = await engine.run('busybox', ['echo', 'logged']).create()
  const io = await container.attach({ waitForStart: true })
  io.detach()
  expect(await io.detached).toBe(true)
  await container.start()
  await container.wait()
  expect(await both(io)).toEqual(['', ''])
  expect(await container.logs().text()).toBe('logged\n')
  await container.remove()
})

test('a start by another engine is attached to as soon as it is told', async () => {
  const container = await create('read go; echo "$go back"; exit 4', true)
  const io = await container.attach({ waitForStart: true })
  const other = await host.reopen()
  await (await other.containers.get(container.id)).start()
  io.stdin.write('there and\n')
  expect(await text(io.stdout)).toBe('there and back\n')
  expect(await io.exit).toMatchObject({ exitCode: 4 })
})

test('with logs, those of earlier runs come first, and nothing comes twice', async () => {
  const container = await engine.run('busybox', ['sh', '-c', 'echo run']).create()
  await container.start()
  await container.wait()
  const io = await container.attach({ waitForStart: true, logs: true })
  await container.start()
  expect(await text(io.stdout)).toBe('run\nrun\n')
  await container.remove()
})

test('the size that is set before is that of the terminal from its first moment on', async () => {
  const container = await engine.run('busybox', ['stty', 'size']).tty().rm().create()
  const io = await container.attach({ waitForStart: true })
  io.resize(31, 97)
  await container.start()
  expect(await text(io.stdout)).toBe('31 97\r\n')
  expect(io.tty).toBe(true)
})

test('attaching is told before the start', async () => {
  const since = Date.now()
  const container = await create('true')
  const io = await container.attach({ waitForStart: true })
  const removed = container.wait({ condition: 'removed' })
  await container.start()
  await io.exit
  await removed
  const actions: string[] = []
  for await (const { action } of engine.events({ since, until: Date.now() + 1, filters: { container: container.id } }))
    if (['create', 'attach', 'start', 'die'].includes(action)) actions.push(action)
  expect(actions).toEqual(['create', 'attach', 'start', 'die'])
})

test('one that ends in this moment is waited for like any other that does not run', async () => {
  const container = await engine.run('busybox', ['true']).network('none').create()
  for (let round = 0; round < 20; round++) {
    await container.start()
    const io = await container.attach({ waitForStart: true })
    io.detach()
    await container.wait()
  }
  await container.remove()
})

test('nothing is left', async () => {
  expect(await host.leaks()).toEqual([])
})
