import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { restartPolicies } from '../../src/launch/protocol.gen.js'
import type { ContainerPlan } from './container-plan.js'
import { Bench, buildTestPrograms, connectTo, plainSupervisor, sanitizedSupervisor } from './driver.js'
import { start as startBy } from './start.js'

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

type Options = Partial<ContainerPlan> & { readonly argv: readonly string[] }

/** A container whose program ignores what it can, with children that do so as well. */
const stubborn = [
  'sh',
  '-c',
  'trap "" TERM HUP INT PIPE; (while :; do sleep 1; done) & echo up; while :; do sleep 1; done',
]

/** It and all that it has started, in cgroups of its own. */
function start(executable: string, options: Partial<Options> = {}) {
  return startBy(bench, executable, { argv: stubborn, isBound: true, ...options }, [], bench.container())
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor of a bound container', (_build, executable) => {
  it('kills everybody when the connection has gone that it was started with, and ends as ever', async () => {
    const { status, ended, runDirectory, cgroups } = start(executable)
    await status.next('started')
    await status.printed('up')
    const other = await connectTo(runDirectory)
    status.socket.destroy()
    expect(await other.next('exited')).toMatchObject({ signaled: 1, status: 9 })
    expect(await other.next('torndown')).toMatchObject({ failures: 0 })
    await ended
    expect(cgroups.filter(({ path }) => existsSync(path))).toEqual([])
  })

  it('minds no other connection', async () => {
    const { status, ended, runDirectory } = start(executable)
    await status.next('started')
    const [one, other] = [await connectTo(runDirectory), await connectTo(runDirectory)]
    one.socket.destroy()
    // Its answer comes after it has seen the end of the first.
    other.send({ type: 'signal', signal: 0, everyone: 0, final: 0 })
    expect(await other.next('done')).toMatchObject({ errno: 0 })
    status.socket.destroy()
    await other.next('exited')
    await ended
  })

  it('kills it when it learns only once the program runs that nobody is there', async () => {
    const { status, ended, cgroups } = start(executable)
    status.socket.destroy()
    expect(await ended).toBe(0)
    expect(cgroups.filter(({ path }) => existsSync(path))).toEqual([])
  })

  it('does not start it again, and does not wait until it may', async () => {
    const restart = { policy: restartPolicies.always, maximum: 0 }
    for (const argv of [stubborn, ['sh', '-c', 'exit 1']]) {
      const { status, ended, runDirectory } = start(executable, { argv, restart })
      await status.next(argv === stubborn ? 'started' : 'restarting')
      const other = await connectTo(runDirectory)
      status.socket.destroy()
      await other.next('exited')
      await ended
    }
  })

  it.skipIf(!existsSync('/sys/fs/cgroup/freezer/tasks'))('kills one that stands still', async () => {
    const { status, ended, runDirectory } = start(executable)
    await status.next('started')
    const other = await connectTo(runDirectory)
    other.send({ type: 'freeze', hold: 1, lasting: 1 })
    expect(await other.next('frozen')).toMatchObject({ errno: 0 })
    status.socket.destroy()
    expect(await other.next('exited')).toMatchObject({ signaled: 1, status: 9 })
    await ended
  })

  it('lets one that is not bound live on', async () => {
    const { status, ended, runDirectory } = start(executable, { isBound: false })
    await status.next('started')
    const other = await connectTo(runDirectory)
    status.socket.destroy()
    other.send({ type: 'signal', signal: 0, everyone: 0, final: 0 })
    expect(await other.next('done')).toMatchObject({ errno: 0 })
    other.send({ type: 'signal', signal: 9, everyone: 1, final: 1 })
    await other.next('exited')
    await ended
  })
})
