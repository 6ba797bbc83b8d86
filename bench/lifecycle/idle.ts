import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from 'inboard'
import { parentMemory } from '../memory.js'
import { printTarget } from '../statistics.js'
import { ensureProgram, type Workspace } from '../workspace.js'

const seconds = 5

/** A supervisor with nothing to do: whether it wakes up, by strace(1), and how much memory is its own. */
export async function measureIdle(workspace: Workspace, engine: Engine): Promise<void> {
  if (!(await ensureProgram('strace', 'strace'))) return console.log('skipped idle: strace is not installed')
  const container = await engine.run('busybox', ['sleep', '1000000']).restart('always').network('none')
  workspace.defer(() => container.remove({ force: true }))
  const { Pid } = (await container.inspect()).State
  const supervisor = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${Pid}/status`, 'utf8'))?.[1] ?? ''
  const trace = join(workspace.directory, 'trace')
  const tracer = spawn('strace', ['-f', '-o', trace, '-p', supervisor], { stdio: 'ignore' })
  const ended = once(tracer, 'exit')
  await delay(seconds * 1000)
  tracer.kill('SIGINT')
  await ended
  // The call that it waits in, which strace ends as it leaves, is the only one.
  const calls = readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !/detached|resuming interrupted|poll\(.*<unfinished|restart_syscall/.test(line))
  console.log(
    `\nidle supervisor, ${seconds} s under strace: ${calls.length} system calls${calls.map((line) => `\n  ${line}`).join('')}`,
  )
  printTarget('wake-ups of an idle supervisor', calls.length, 0)
  printTarget('private memory of an idle supervisor', parentMemory(Pid), 400, ' KiB')
}
