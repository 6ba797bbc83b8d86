import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
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

test('rotates, and is read across files: all, the last ones, and followed', async () => {
  const container = await engine
    .run('busybox', ['sh', '-c', 'read go; for i in $(seq 1 500); do echo line $i; done; read end'])
    .interactive()
    .logOpt({ maxSize: '4k', maxFile: 100 })
    .attach()
  const following = collectEntries(container.container.logs({ follow: true }))
  container.stdin.write('\n')
  await untilOutput(container.stdout, 'line 500\n')
  container.stdin.end('\n')
  await container.exit
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i + 1}\n`)
  expect((await following).map(({ text }) => text)).toEqual(lines)
  expect(await container.container.logs().text()).toBe(lines.join(''))
  expect(await container.container.logs({ tail: 123 }).text()).toBe(lines.slice(-123).join(''))
  const { LogPath, HostConfig } = await container.container.inspect()
  expect((await readdir(dirname(LogPath))).filter((name) => name.includes('-json.log')).length).toBeGreaterThan(5)
  expect(HostConfig.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-file': '100', 'max-size': '4k' } })
})

test.each([
  ['json-file', { compress: true }, (id: string) => `${id}-json.log`],
  ['local', {}, () => 'local-logs/container.log'],
])('%s: compresses what was renamed while nobody looks, and it is read as before', async (driver, options, nameOf) => {
  const attached = await engine
    .run('busybox', ['sh', '-c', 'read go; for i in $(seq 1 500); do echo line $i; done; read end'])
    .interactive()
    .logDriver(driver)
    .logOpt({ maxSize: '8k', maxFile: 100, ...options })
    .attach()
  const { container, stdin, stdout } = attached
  const following = collectEntries(container.logs({ follow: true }))
  stdin.write('\n')
  await untilOutput(stdout, 'line 500\n')
  const path = `${engine.root}/containers/${container.id}/${nameOf(container.id)}`
  const numbered = async () =>
    (await readdir(dirname(path))).filter((name) => /\.log\.\d/.test(name) && !name.endsWith('.gz'))
  await expect.poll(numbered, { timeout: 30_000 }).toEqual([])
  expect(gunzipSync(await readFile(`${path}.1.gz`)).length).toBeGreaterThanOrEqual(8000)
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i + 1}\n`)
  const all = await collectEntries(container.logs())
  expect(all.map(({ text }) => text)).toEqual(lines)
  expect(await container.logs({ tail: 321 }).text()).toBe(lines.slice(-321).join(''))
  const since = all[100]?.time ?? ''
  expect((await container.logs({ since }).text()).endsWith(lines.slice(100).join(''))).toBe(true)
  stdin.end('\n')
  await attached.exit
  expect((await following).map(({ text }) => text)).toEqual(lines)
})

test('follow goes on in later runs of its container only when it is started again by its policy', async () => {
  const container = await engine.run('busybox', ['sh', '-c', 'echo run; exit 1']).restart('on-failure:2')
  const entries = await collectEntries(container.logs({ follow: true }))
  expect(entries.map(({ text }) => text)).toEqual(['run\n', 'run\n', 'run\n'])
  await container.start()
  await container.wait()
  expect((await container.logs().text()).split('\n').length).toBeGreaterThanOrEqual(5)
})

test('local keeps every byte, and lines are whole where that is asked for', async () => {
  const container = await engine
    .run('busybox', ['sh', '-c', String.raw`printf '\001\377\000\n'; head -c 40000 /dev/zero | tr "\0" x; echo`])
    .logDriver('local')
  await container.wait()
  const entries = await collectEntries(container.logs())
  expect(entries.map(({ bytes, partial }) => [bytes.length, partial])).toEqual([
    [4, false],
    [16384, true],
    [16384, true],
    [7233, false],
  ])
  expect(entries[0]?.bytes).toEqual(Buffer.from([1, 255, 0, 10]))
  const whole = await collectEntries(container.logs({ whole: true }))
  expect(whole.map(({ text }) => text.length)).toEqual([4, 40001])
  expect((await container.logs({ tail: 1 }).text()).length).toBe(7233)
  expect((await container.inspect()).LogPath).toBe('')
})

test('none keeps nothing, and says so', async () => {
  const { container, stdout, exit } = await engine.run('busybox', ['echo', 'hi']).logDriver('none').attach()
  expect((await collectEntries(stdout)).join('')).toBe('hi\n')
  await exit
  await expect(container.logs().text()).rejects.toThrow(
    expect.objectContaining({
      code: 'LOGS_UNREADABLE',
      message: 'configured logging driver does not support reading',
    }),
  )
})

test('since and until are times or durations; following ends at until', async () => {
  const container = await engine.run('busybox', ['sh', '-c', 'echo one; sleep 0.3; echo two; sleep 1000'])
  const [one, two] = await take(container.logs({ follow: true }), 2)
  expect(await container.logs({ since: two?.time ?? '' }).text()).toBe('two\n')
  expect(await container.logs({ until: one?.time ?? '' }).text()).toBe('one\n')
  expect(await container.logs({ since: '10m' }).text()).toBe('one\ntwo\n')
  expect(await container.logs({ until: '10m' }).text()).toBe('')
  const entries = await collectEntries(container.logs({ follow: true, until: new Date(Date.now() + 100) }))
  expect(entries.map(({ text }) => text)).toEqual(['one\n', 'two\n'])
  expect(await container.logs({ timestamps: true, tail: 1 }).text()).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z two\n$/)
  await expect(container.logs({ since: 'abc' }).text()).rejects.toThrow(
    'failed to parse value as time or duration: "abc"',
  )
  await container.remove({ force: true })
})

test('adds the attributes that its options ask for', async () => {
  const container = await engine
    .run('busybox', ['echo', 'hi'])
    .label({ service: 'db', other: 'x' })
    .env({ COLOR: 'red' })
    .logOpt({ labels: ['service'], env: ['COLOR'], tag: '{{.ImageName}}' })
  await container.wait()
  const [entry] = await collectEntries(container.logs())
  expect(entry?.attributes).toEqual({ COLOR: 'red', service: 'db', tag: 'busybox' })
})

test('a full disk loses output, counts it, and stops nothing', async () => {
  const program = 'head -c 400000 /dev/zero | tr "\\0" "x" | fold -w 99; echo done >&2; read end'
  await onSmallDisk(program, async (created) => {
    const { stdin, stdout, stderr, exit } = await created.startAttached()
    stdout.resume()
    await untilOutput(stderr, 'done\n')
    const logged = async () => (await created.logs().text()).length
    const dropped = () => created.logs().dropped()
    // What is said on one stream may be read before what was said on the other.
    await expect.poll(async () => (await logged()) + (await dropped())).toBeGreaterThanOrEqual(404_000)
    const before = await dropped()
    expect(await logged()).toBeGreaterThan(30_000)
    stdin.end('\n')
    expect((await exit).exitCode).toBe(0)
    expect(await dropped()).toBeGreaterThanOrEqual(before)
  })
})

test('who attaches while the disk of the log is full gets all output however late it is read, and its input stays', async () => {
  const program = 'head -c 6000000 /dev/zero | tr "\\0" "x" | fold -w 99; read end; echo $end'
  await onSmallDisk(program, async (created) => {
    const { stdin, stdout, stderr, exit } = await created.startAttached()
    stderr.resume()
    const logs = created.logs()
    await expect.poll(async () => (await logs.dropped()) > 5_900_000).toBe(true)
    stdin.end('over\n')
    let length = 0
    let end = ''
    for await (const chunk of stdout) {
      length += chunk.length
      end = (end + chunk).slice(-5)
    }
    expect({ length, end }).toEqual({ length: 6_000_000 + 60_606 + 5, end: 'over\n' })
    expect((await exit).exitCode).toBe(0)
  })
})

/** A container of the shell that reads its input, and whose log's disk has room for 64 KiB. */
async function onSmallDisk(program: string, body: (created: Container) => Promise<void>): Promise<void> {
  const created = await engine.run('busybox', ['sh', '-c', program]).interactive().logDriver('local').create()
  const directory = `${engine.root}/containers/${created.id}/local-logs`
  await mkdir(directory, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'inboard-test', directory])
  try {
    await body(created)
  } finally {
    execFileSync('umount', ['-l', directory])
  }
}

async function take<T>(iterable: AsyncIterable<T>, count: number): Promise<T[]> {
  const all: T[] = []
  for await (const item of iterable) if (all.push(item) === count) break
  return all
}

async function untilOutput(stream: AsyncIterable<Buffer>, text: string): Promise<void> {
  let all = ''
  for await (const chunk of stream) {
    all = (all + chunk).slice(-1000)
    if (all.endsWith(text)) return
  }
}
