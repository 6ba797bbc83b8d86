import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faults } from '../../src/engine/launcher.js'
import { failpoints } from '../../src/errors/failpoint.js'
import { native } from '../../src/host/index.js'
import { CleanupError, type Container, Engine } from '../../src/index.js'
import { leaksOf, type TestEngine, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

// Who records the end of a run sees to it that nothing is left of it, whatever is in the way at that moment.

let host: TestEngine
beforeEach(async () => {
  host = await testEngine()
})
afterEach(async () => {
  failpoints.clear()
  await host[Symbol.asyncDispose]()
})

/** Runs until somebody says that it may end. */
const service = () =>
  host.engine
    .run('busybox', ['sh', '-c', 'until [ -e /host/end ]; do sleep 0.05; done'])
    .publish('18080:80')
    .volume(`${host.directory}:/host`)

const runDirectory = ({ id }: Container) => `${host.engine.runRoot}/${id}`

function killSupervisor(container: Container): void {
  const state = readFileSync(`${runDirectory(container)}/state`, 'utf8')
  process.kill(Number(/^supervisorPid (\d+)$/m.exec(state)?.[1]), 'SIGKILL')
}

/** Anything but the files of a container that is kept. */
const isOfRun = (leak: string) => !leak.startsWith('container directory')
const leftNow = async () => (await leaksOf(host.directory)).filter(isOfRun)
/** Nobody asks the engine for anything meanwhile. */
const left = () => settled(leftNow)

/** The next times that something of a run is to be undone it fails. */
function failing(times: number): void {
  let failures = 0
  failpoints.set('run.teardown', () => {
    if (++failures <= times) throw new CleanupError('failpoint', { code: 'CLEANUP_FAILED' })
  })
}

test('what cannot be cleared when the end is recorded is cleared soon, and the end is told meanwhile', async () => {
  const container = await service()
  failing(4)

  killSupervisor(container)

  expect(await container.wait()).toMatchObject({ exitCode: 137 })
  expect(await left()).toEqual([])
})

test('so it is of a container that removes itself, with its volumes', async () => {
  const container = await service().volume('/anonymous').rm()
  failing(4)

  killSupervisor(container)

  await container.wait()
  expect(await host.leaks()).toEqual([])
  expect(await host.engine.volumes.list()).toEqual([])
})

test('so it is where the supervisor has left something, and who clears that fails', async () => {
  faults.next = { point: 'told', round: 0 }
  const container = await service()
  failing(7)

  writeFileSync(`${host.directory}/end`, '')

  expect(await container.wait()).toMatchObject({ exitCode: 0 })
  expect(await left()).toEqual([])
})

test('a run is cleared though somebody looked at its lock when that was to be done', async () => {
  const container = await service()
  let look = -1
  failpoints.set('loss.record', () => {
    failpoints.clear()
    look = openSync(`${runDirectory(container)}/lock`, 'r')
    native().flock(look, 'shared', false)
  })
  killSupervisor(container)
  await container.wait()
  const before = await leftNow()

  closeSync(look)

  expect(before).toContain(`run directory ${container.id}`)
  expect(await left()).toEqual([])
})

test('the end of a run is recorded, and it is cleared, though a process just being made has its lock longer than its supervisor', async () => {
  let made: ChildProcess | undefined
  failpoints.set('launch.spawn', () => {
    failpoints.clear()
    const descriptors = readdirSync('/proc/self/fd').filter((fd) => /\/run\/[^/]*\/lock$/.test(target(fd)))
    made = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', Number(descriptors[0])] })
  })
  const container = await service()
  killSupervisor(container)
  const ended = container.wait()
  // Long enough for the engine to have met it.
  await delay(200)

  made?.kill('SIGKILL')

  expect(await ended).toMatchObject({ exitCode: 137 })
  expect(await left()).toEqual([])
})

function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

test('another engine clears what who recorded the end did not, when it has to do with the container', async () => {
  const first = await host.reopen()
  const container = await service()
  const { id } = container
  failing(Number.POSITIVE_INFINITY)
  killSupervisor(container)
  await container.wait()
  await host.engine.close()
  failpoints.clear()
  const before = await leftNow()

  await (await first.containers.get(id)).inspect()

  expect(before).toContain(`run directory ${id}`)
  expect(await leftNow()).toEqual([])
})

test('who opens the root is not kept from that by what cannot be cleared, and clears it as soon as it can be', async () => {
  const container = await service()
  failing(Number.POSITIVE_INFINITY)
  killSupervisor(container)
  await container.wait()
  await host.engine.close()
  failing(2)

  await host.reopen()

  expect(await left()).toEqual([])
})

test('a supervisor that is killed in its teardown, whose starter is gone, leaves nothing to who has recorded the end', async () => {
  const other = await host.reopen()
  faults.next = { point: 'told', round: 0 }
  const container = await service()
  const { id } = container
  const lock = openSync(`${runDirectory(container)}/lock`, 'r')
  await host.engine.close()
  writeFileSync(`${host.directory}/end`, '')
  await expect.poll(() => native().flock(lock, 'exclusive', false)).toBe(true)
  // As if it were there still.
  const { State } = await (await other.containers.get(id)).inspect()

  closeSync(lock)

  expect(State).toMatchObject({ Status: 'exited', ExitCode: 0 })
  expect(await left()).toEqual([])
})

test('after a reboot, which leaves nothing but records, addresses and ports are free', async () => {
  const container = await service()
  const { root, runRoot } = host.engine
  await host.engine.close()
  killSupervisor(container)
  const isThere = (leak: string) => leak.startsWith('process') || leak.startsWith('interface')
  expect(await settled(async () => (await leftNow()).filter(isThere))).toEqual([])
  await expect.poll(() => removeCgroups(leftNow)).toEqual([])
  rmSync(runRoot, { recursive: true })
  const database = new Sqlite(`${root}/db/inboard.sqlite`)
  database.prepare("UPDATE containers SET boot_id = 'of the boot before'").run()
  database.close()

  await using engine = await Engine.open({ root, runRoot })

  expect((await (await engine.containers.get(container.id)).inspect()).State.ExitCode).toBe(255)
  // The kernel has not gone down.
  expect((await leftNow()).filter((leak) => !leak.startsWith('element'))).toEqual([])
})

/** What of them could not be removed yet. */
async function removeCgroups(look: () => Promise<string[]>): Promise<string[]> {
  const paths = (await look()).flatMap((leak) => /^cgroup (.*)$/.exec(leak)?.[1] ?? [])
  return paths.flatMap((path) => {
    try {
      rmdirSync(path)
      return []
    } catch (error) {
      return [`${path}: ${error}`]
    }
  })
}
