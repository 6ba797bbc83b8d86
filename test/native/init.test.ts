import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { buildTestPrograms, programs } from './driver.js'

beforeAll(buildTestPrograms)

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
function signalInit(child: ChildProcess, signal: string): void {
  spawn('pkill', [`-${signal}`, '-P', String(child.pid)])
}

it.each([
  ['the exit code', ['sh', '-c', 'exit 7'], 7],
  ['128 + n when a signal ended it', ['sh', '-c', 'kill -KILL $$'], 137],
  ['127 for a program that is not there', ['/nope'], 127],
  ['126 for one that may not be executed', ['/etc/passwd'], 126],
])('ends as its program did: %s', async (_what, argv, code) => {
  expect(await init(...argv).code).toBe(code)
})

it('is process 1, its program is the leader of a group of its own', async () => {
  const { code, output } = init('sh', '-c', 'ps -o pid=,pgid=,comm= -p 1,$$')
  expect(await code).toBe(0)
  expect(output()).toMatch(/^\s+1\s+\d+ inboard-init\n\s+(\d+)\s+\1 sh\n$/)
})

it('passes signals on', async () => {
  const { child, code, output } = init(
    'sh',
    '-c',
    'trap "echo got it; exit 3" USR1; echo ready; while :; do sleep 0.05; done',
  )
  await new Promise<void>((resolve) => child.stdout.on('data', () => output().includes('ready') && resolve()))
  signalInit(child, 'USR1')
  expect(await code).toBe(3)
  expect(output()).toBe('ready\ngot it\n')
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
