import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Terminal } from '../support/terminal.js'

const run = promisify(execFile)
const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))
const tsx = path('node_modules/.bin/tsx')

let host: TestEngine
/** The examples open the usual root, which is here one that has the images already. */
let env: NodeJS.ProcessEnv
beforeAll(async () => {
  host = await testEngine(['debian', 'postgres', 'flask', 'registry'])
  await (await host.engine.images.get('flask')).tag('python:3-slim')
  env = { ...process.env, INBOARD_ROOT: host.engine.root, INBOARD_RUN_ROOT: host.engine.runRoot }
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const example = async (name: string) => (await run(tsx, [path(`examples/${name}.ts`)], { env })).stdout

/** An example in a real terminal, of 33 lines and 91 columns. */
function inTerminal(name: string, ...args: string[]) {
  const command = `stty rows 33 cols 91; tty; exec ${tsx} ${path(`examples/${name}.ts`)} ${args.join(' ')}`
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...env, SHELL: '/bin/sh', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number)
  return { terminal: new Terminal(child), exited }
}

test('the quickstart makes an image of the host’s programs, runs it and tells how long a start takes', async () => {
  const stdout = await example('quickstart')
  expect(stdout).toMatch(/^image [0-9a-f]{12}, made of this machine's own programs$/m)
  expect(stdout).toMatch(/^uid=0\(root\)/m)
  expect(stdout).toContain(`Node ${process.version} as process 1`)
  expect(stdout).toMatch(/^a container from call to result: \d+\.\d ms/m)
})

test('hello world is said to the end, and in the background until it is stopped', async () => {
  expect((await example('hello-world')).split('\n')).toEqual([
    'it says Hello World, and ends with 0',
    expect.stringMatching(/^[a-z]+_[a-z]+\d* runs: true$/),
    'hello world',
    'hello world',
    'hello world',
    'stopped, it is exited',
    '',
  ])
})

test('the shell has the terminal’s size, also a new one, and ends with its exit code', async () => {
  const { terminal, exited } = inTerminal('shell', 'debian', 'bash', '--norc')
  const [, tty = ''] = /(\/dev\/pts\/\d+)/.exec(await terminal.until('bash-5.2# ')) ?? []
  terminal.enter('stty size; tty')
  expect(await terminal.until('bash-5.2# ')).toMatch(/33 91\r+\n\/dev\/pts\/0\r/)
  terminal.enter('until test "$(stty size)" = "40 100"; do sleep 0.05; done; echo re"sized"')
  await run('stty', ['-F', tty, 'rows', '40', 'cols', '100'])
  await terminal.until('resized\r')
  await terminal.until('bash-5.2# ')
  // Interrupts what the shell does, and not this program.
  terminal.enter(`sh -c 'echo in"side"; exec cat'`)
  await terminal.until('inside\r')
  terminal.type('\u0003')
  await terminal.until('bash-5.2# ')
  terminal.enter('exit 4')
  expect(await exited).toBe(4)
})

test('the shell is let go of by keys, runs on, and is come back to', async () => {
  const first = inTerminal('shell')
  await first.terminal.until('# ')
  first.terminal.enter('kept=ye')
  await first.terminal.until('# ')
  first.terminal.type('\u0010\u0011')
  const [, name = ''] = /(\w+) runs on/.exec(await first.terminal.until('runs on')) ?? []
  expect(await first.exited).toBe(0)
  const second = inTerminal('shell', '--attach', name)
  // What is typed before the terminal is raw is seen twice, and read once.
  second.terminal.enter('echo $' + '{kept}s')
  await second.terminal.until('yes\r')
  second.terminal.enter('exit')
  expect(await second.exited).toBe(0)
  expect(await host.engine.containers.list({ all: true })).toEqual([])
})

test('a build shows its steps, and is done again from the cache', async () => {
  const lines = (await example('build')).trim().split('\n')
  expect(lines[0]).toMatch(/^! MaintainerDeprecated, line \d+: Maintainer instruction is deprecated/)
  expect(lines.slice(1, -6).sort()).toEqual([
    '✓ [names 1/2] FROM debian AS names',
    '✓ [names 2/2] RUN echo "hello, $NAME" | tee /name',
    '✓ [stage-2 1/3] FROM debian',
    '✓ [stage-2 2/3] COPY --from=names /name /',
    '✓ [stage-2 3/3] COPY --from=words /words /',
    '✓ [words 1/2] FROM debian AS words',
    expect.stringMatching(/^✓ \[words 2\/2\] RUN for word in/),
  ])
  expect(lines.slice(-6)).toEqual([
    'hello, inboard',
    'from',
    'a',
    'container',
    expect.stringMatching(/^again, from the cache, in \d+ ms$/),
    'as files: hello, inboard',
  ])
})

test('a build is drawn in a terminal while it goes', async () => {
  await host.engine.images.remove('greeting')
  await host.engine.pruneBuildCache({ all: true })
  const { terminal, exited } = inTerminal('build')
  const seen = await terminal.until('as files: hello, inboard')
  expect(seen).toContain('… [words 2/2] RUN')
  expect(await exited).toBe(0)
})

test('a Flask application is linked to its PostgreSQL', async () => {
  const lines = (await example('flask-postgres-link')).trim().split('\n')
  expect(lines.slice(0, 2).sort()).toEqual([expect.stringMatching(/^DB_NAME=\/\w+\/db$/), 'DB_PORT_5432_TCP_PORT=5432'])
  expect(lines.slice(2)).toEqual(['Hello! You are visitor 1.', 'Hello! You are visitor 2.'])
})

test('a Flask application finds its PostgreSQL on their network, also a new one on the same volume', async () => {
  expect((await example('flask-postgres-network')).trim().split('\n')).toEqual([
    'Hello! You are visitor 1.',
    'Hello! You are visitor 2.',
    'from frontend a client does not find db',
    'connected to backend it finds db',
  ])
})

test('a volume is backed up and restored, by a helper and by itself', async () => {
  expect((await example('volume-backup')).trim().split('\n')).toEqual([
    'restored by a helper: Ada',
    'Grace',
    expect.stringMatching(/^restored by itself: \d+ entries of \d+ bytes, Ada$/),
    'Grace',
    'cloned: Ada',
    'Grace',
  ])
})

test('an image goes to a registry in a container, and comes back', async () => {
  const lines = (await example('private-registry')).trim().split('\n')
  const digest = expect.stringMatching(/^ {2}sha256:[0-9a-f]{64}$/)
  expect(lines).toContain('the registry has mine, with the tags 1')
  expect(lines.filter((line) => line.startsWith('  sha256:'))).toEqual([digest, digest])
  expect(lines.at(-1)).toBe('hello from the registry')
})

test('each test of several has a database of its own', async () => {
  const lines = (await example('database-per-test')).trim().split('\n')
  expect(lines[0]).toMatch(/^started and filled in \d+ ms$/)
  expect(lines.slice(1, -1).sort()).toEqual([
    expect.stringMatching(/^one adds: 3 \(/),
    expect.stringMatching(/^one only reads: Ada and Grace \(/),
    expect.stringMatching(/^one removes: 0 \(/),
  ])
  expect(lines.at(-1)).toBe('the original has 2')
})

test('the examples that dispose of what they make have left nothing', async () => {
  const { containers, networks, volumes } = host.engine
  expect(await containers.list({ all: true })).toEqual([])
  expect((await networks.list()).map(({ name }) => name).sort()).toEqual(['bridge', 'host', 'none'])
  expect(await volumes.list()).toEqual([])
})
