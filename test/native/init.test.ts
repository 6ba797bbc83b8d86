import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { buildTestPrograms, programs } from './driver.js'

beforeAll(() => buildTestPrograms())

/** Runs the init as process 1 of a new pid namespace. */
function init(...argv: string[]) {
  const child = spawn('unshare', [
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child',
    join(programs, 'inboard-init'),
    '--',
    ...argv,
  ])
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, code, output: () => output }
}

/** Sends a signal to the init itself: the only child of unshare(1). */
function signalInit(child: ChildProcess, signal: string | number): void {
  spawn('pkill', [`-${signal}`, '-P', String(child.pid)])
}

it.each([
  ['the exit code', ['sh', '-c', 'exit 7'], 7],
  ['128 + n when a signal ended it', ['sh', '-c', 'kill -KILL $$'], 137],
  ['127 for a program that is not there', ['/nope'], 127],
  ['126 for one that may not be executed', ['/etc/passwd'], 126],
  ['1 for one that cannot be reached', ['/etc/passwd/x'], 1],
])('ends as its program did: %s', async (_what, argv, code) => {
  expect(await init(...argv).code).toBe(code)
})

it('is process 1, its program is the leader of a group of its own', async () => {
  const { code, output } = init('sh', '-c', 'ps -o pid=,pgid=,comm= -p 1,$$')
  expect(await code).toBe(0)
  expect(output()).toMatch(/^\s+1\s+\d+ inboard-init\n\s+(\d+)\s+\1 sh\n$/)
})

it("says in tini's words what it cannot execute", async () => {
  const { code, output } = init('/nope')
  await code
  expect(output()).toMatch(/^\[FATAL tini \(\d+\)\] exec \/nope failed: No such file or directory\n$/)
})

it('runs a script that does not say by what', async () => {
  const directory = mkdtempSync('/tmp/inboard-init-')
  writeFileSync(join(directory, 'script'), 'echo "$0 $1"; exit 5\n', { mode: 0o755 })
  const { code, output } = init(join(directory, 'script'), 'argument')
  const ended = await code
  rmSync(directory, { recursive: true })
  expect({ ended, output: output() }).toEqual({ ended: 5, output: `${directory}/script argument\n` })
})

// 34 is SIGRTMIN, which some libraries keep for themselves, 64 SIGRTMAX.
it.each(['HUP', 'INT', 'QUIT', 'USR1', 'TERM', 'WINCH', 'CONT', 34, 35, 64])('passes on signal %s', async (signal) => {
  const script = `trap "echo got it; exit 3" ${signal}; echo ready; while :; do sleep 0.05; done`
  const { child, code, output } = init('bash', '-c', script)
  await new Promise<void>((resolve) => child.stdout.on('data', () => output().includes('ready') && resolve()))
  signalInit(child, signal)
  expect(await code).toBe(3)
  expect(output()).toBe('ready\ngot it\n')
})

it('leaves the program its signals as they were', async () => {
  const { code, output } = init('grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status')
  await code
  expect(output()).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n')
})

it('has its program in the foreground of the terminal, which can interrupt it', async () => {
  const script = 'trap "exit 4" INT; ps -o pgid=,tpgid= -p $$; echo ready; while :; do sleep 0.05; done'
  const inside = `unshare --pid --fork --mount-proc --kill-child ${join(programs, 'inboard-init')} -- sh -c '${script}'`
  const child = spawn('script', ['--quiet', '--return', '--command', inside, '/dev/null'], { stdio: 'pipe' })
  let output = ''
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (output.includes('ready')) resolve()
    })
  })
  child.stdin.write('\x03')
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(output).toMatch(/^\s*(\d+)\s+\1\s/)
  expect(code).toBe(4)
})

it('has orphans come to it also where it is not process 1', async () => {
  // The substitution ends with the orphan, which ends when its parent is that of the program: the init.
  const orphan = 'until [ $(ps -o ppid= -p $$) = $1 ]; do :; done; echo adopted'
  const script = `echo $( (sh -c '${orphan}' sh $PPID &) )`
  const child = spawn(join(programs, 'inboard-init'), ['--', 'sh', '-c', script], { stdio: 'pipe' })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
  expect(output).toBe('adopted\n')
})

it('reaps orphans', async () => {
  const { code, output } = init(
    'sh',
    '-c',
    '(true &); (true &); while ps -e -o stat= | grep -q Z; do :; done; echo none left',
  )
  await code
  expect(output()).toBe('none left\n')
})
