import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { binaries } from './addon.js'
import { closed, closing, compileStatic, openDescriptors, readUntil, temporaryDirectory } from './fixture.js'
import { native } from './index.js'

const source = fileURLToPath(new URL('../../native/addon/test/report.c', import.meta.url))
const plan = Buffer.from('the plan')
let executable: number | undefined

/** The test program as the supervisor would be: a sealed memfd. */
function reporter(): number {
  executable ??= native().memfdSealed('report', readFileSync(compileStatic(source, temporaryDirectory())))
  return executable
}

async function spawnReporter(slots: readonly number[] = []): Promise<{ pid: number; socket: Socket; report: string }> {
  const lock = closing(openSync('/dev/zero', 'r'))
  const { pid, status } = await native().spawn(reporter(), 'inboard: test', plan, lock, slots)
  const socket = new Socket({ fd: status })
  return { pid, socket, report: await readUntil(socket, 'end\n') }
}

async function endReporter({ pid, socket }: { pid: number; socket: Socket }): Promise<number> {
  socket.write('q')
  const status = await native().reap(pid)
  await closed(socket)
  return status
}

describe('spawn', () => {
  it('starts the program in a session of its own, at the root directory, with an empty environment', async () => {
    const spawned = await spawnReporter()
    await endReporter(spawned)
    expect(spawned.report).toContain('cwd /\n')
    expect(spawned.report).toContain('session own\n')
    expect(spawned.report).toContain('environment empty\n')
    expect(spawned.report).toContain('argv 1 inboard: test\n')
  })

  it('passes the plan, the status socket, the lock and the slots as descriptors 3 and up, and no others', async () => {
    const leaked = closing(native().pipe()[0])
    expect(leaked).toBeGreaterThan(0)
    const slots = [openSync('/dev/full', 'r'), openSync('/proc/self/stat', 'r')].map(closing)
    const spawned = await spawnReporter(slots)
    await endReporter(spawned)
    const descriptors = spawned.report.split('\n').filter((line) => line.startsWith('fd '))
    expect(descriptors).toEqual([
      'fd 0 /dev/null',
      'fd 1 /dev/null',
      'fd 2 /dev/null',
      expect.stringMatching(/^fd 3 \/memfd:inboard-plan/),
      expect.stringMatching(/^fd 4 socket:/),
      'fd 5 /dev/zero',
      'fd 6 /dev/full',
      expect.stringMatching(/^fd 7 \/proc\/\d+\/stat$/),
    ])
  })

  it('keeps the order of slots whose own numbers are those of other slots', async () => {
    const names = ['/dev/full', '/dev/random', '/dev/urandom', '/dev/ptmx']
    const slots = names.map((name) => closing(openSync(name, 'r'))).reverse()
    const spawned = await spawnReporter(slots)
    await endReporter(spawned)
    const passed = [6, 7, 8, 9].map((number) => new RegExp(`^fd ${number} (.*)$`, 'm').exec(spawned.report)?.[1])
    expect(passed).toEqual(['/dev/ptmx', '/dev/urandom', '/dev/random', '/dev/full'])
  })

  it('gives the program the whole plan, which nobody can change', async () => {
    const spawned = await spawnReporter()
    await endReporter(spawned)
    expect(spawned.report).toContain('plan the plan\n')
    expect(spawned.report).toContain('plan is sealed\n')
  })

  it('resets every signal, also those that Node ignores or handles', async () => {
    process.on('SIGUSR2', ignore)
    onTestFinished(() => void process.off('SIGUSR2', ignore))
    const spawned = await spawnReporter()
    await endReporter(spawned)
    for (const set of ['SigBlk', 'SigIgn', 'SigCgt'])
      expect(spawned.report).toMatch(new RegExp(`^${set}:\\s*0{16}$`, 'm'))
  })

  it('allows the caller to close its descriptors before the program runs', async () => {
    const slot = openSync('/dev/full', 'r')
    const lock = openSync('/dev/zero', 'r')
    const started = native().spawn(reporter(), 'early', plan, lock, [slot])
    closeSync(slot)
    closeSync(lock)
    const { pid, status } = await started
    const socket = new Socket({ fd: status })
    const report = await readUntil(socket, 'end\n')
    await endReporter({ pid, socket })
    expect(report).toContain('fd 6 /dev/full')
  })

  it('reports a program that cannot be executed, and leaves no child and no descriptor', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'text'), 'no program', { mode: 0o755 })
    const text = closing(openSync(join(directory, 'text'), 'r'))
    const lock = closing(openSync('/dev/null', 'r'))
    const before = openDescriptors()
    const spawned = native().spawn(text, 'text', plan, lock, [])
    await expect(spawned).rejects.toMatchObject({ code: 'ENOEXEC', errno: 8, syscall: 'execveat' })
    expect(openDescriptors()).toBe(before)
    expect(children()).toEqual([])
  })

  it('rejects descriptors that are not open', async () => {
    await expect(native().spawn(reporter(), 'x', plan, 999_999, [])).rejects.toMatchObject({ code: 'EBADF' })
    await expect(native().spawn(reporter(), 'x', plan, 0, [999_999])).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('starts 200 programs at once and leaves neither a descriptor nor a zombie', async () => {
    await endReporter(await spawnReporter())
    const lock = closing(openSync('/dev/null', 'r'))
    const before = openDescriptors()
    const all = await Promise.all(
      Array.from({ length: 200 }, () => native().spawn(reporter(), 'many', plan, lock, [lock, lock])),
    )
    const sockets = all.map(({ status }) => new Socket({ fd: status }))
    for (const socket of sockets) socket.write('q')
    const statuses = await Promise.all(all.map(({ pid }) => native().reap(pid)))
    await Promise.all(sockets.map(closed))
    expect(statuses.every((status) => status === 7 << 8)).toBe(true)
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(200)
    expect(openDescriptors()).toBe(before)
    expect(children()).toEqual([])
  })

  it('kills what was started for a worker that was terminated meanwhile', async () => {
    const worker = new Worker(spawningWorker, {
      eval: true,
      workerData: { addon: addonFile(), executable: reporter() },
    })
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    expect(children()).toEqual([])
  })
})

describe('reap', () => {
  it('resolves to the wait status of a program that ends', async () => {
    expect(await endReporter(await spawnReporter())).toBe(7 << 8)
  })

  it('resolves to the signal that ended a program', async () => {
    const { pid, socket } = await spawnReporter()
    process.kill(pid, 'SIGKILL')
    expect(await native().reap(pid)).toBe(9)
    await closed(socket)
  })

  it('waits for a program that is slow to end without keeping other work from the thread pool', async () => {
    const slow = await Promise.all(Array.from({ length: 8 }, () => spawnReporter()))
    const waiting = Promise.all(slow.map(({ pid }) => native().reap(pid)))
    const quick = await spawnReporter()
    await endReporter(quick)
    for (const { socket } of slow) socket.write('q')
    expect(await waiting).toEqual(slow.map(() => 7 << 8))
    await Promise.all(slow.map(({ socket }) => closed(socket)))
  })

  it('refuses what is not a child, and the numbers that stand for any child', async () => {
    await expect(native().reap(1)).rejects.toMatchObject({ code: 'ECHILD' })
    await expect(native().reap(-1)).rejects.toMatchObject({ code: 'ECHILD' })
    await expect(native().reap(0)).rejects.toMatchObject({ code: 'ECHILD' })
  })
})

const ignore = () => undefined

/** The processes, zombies included, that any thread of this one has started. */
function children(): string[] {
  const threads = readdirSync('/proc/self/task')
  return threads.flatMap((thread) => {
    const pids = readFileSync(`/proc/self/task/${thread}/children`, 'utf8')
    return pids.split(' ').filter(Boolean)
  })
}

const addonFile = () => join(binaries().directory, 'inboard.node')

const spawningWorker = `
const { parentPort, workerData } = require('node:worker_threads')
const native = require(workerData.addon)
for (let i = 0; i < 50; i++) native.spawn(workerData.executable, 'w', Buffer.alloc(8), 0, []).catch(() => undefined)
parentPort.postMessage('started')
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
`
