import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../src/index.js'
import { leaksOf } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'
import { imageArchive } from '../support/images.js'
import { leftOnHost, processesOf } from '../support/left-on-host.js'
import { settled } from '../support/settled.js'

let directory: string
let roots: { root: string; runRoot: string }
const owners: ChildProcess[] = []

beforeAll(async () => {
  directory = mkdtempSync('/tmp/ib-')
  roots = { root: join(directory, 'root'), runRoot: join(directory, 'run') }
  const engine = await Engine.open(roots)
  await engine.images.load(imageArchive('busybox'))
  await engine.close()
})
afterEach(async () => {
  for (const owner of owners.splice(0)) await ended(owner, () => owner.kill('SIGKILL'))
  expect(await left()).toEqual([])
  const engine = await Engine.open(roots)
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await engine.volumes.list()).toEqual([])
  await engine.close()
  expect(await settled(() => leaksOf(directory))).toEqual([])
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const left = () => settled(async () => leftOnHost(directory))

/** Runs the body in a process of its own, which says `ready` then and stays, unless something else is to happen. */
async function owner(body: string, then = 'setInterval(() => {}, 1000)'): Promise<ChildProcess> {
  const child = startEngineProcess(roots, `${body}\nprocess.stdout.write('ready\\n')\n${then}`)
  owners.push(child)
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return child
  throw new Error('the owner has ended before it was ready')
}

async function ended(child: ChildProcess, end: () => unknown): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  end()
  await gone
}

/** A cgroup whose processes may take so much from now on. */
function memoryGroup(bytes: number): string {
  const isV1 = existsSync('/sys/fs/cgroup/memory')
  const path = `/sys/fs/cgroup/${isV1 ? 'memory/' : ''}inboard-test-${process.pid}`
  mkdirSync(path)
  writeFileSync(`${path}/${isV1 ? 'memory.limit_in_bytes' : 'memory.max'}`, `${bytes}`)
  return path
}

/** The keeper's process, by its name. */
const keeperOf = () =>
  Number(/\d+/.exec(processesOf(directory).find((text) => text.endsWith(' inboard keeper')) ?? '')?.[0] ?? 0)

/** Containers in every state, with all that belongs to them. */
const everything = `
  const sleep = ['sleep', '1000']
  const net = await engine.networks.create('own-net').ephemeral()
  const data = await engine.volumes.create('own-data').ephemeral()
  const scratch = await engine.volumes.create('own-scratch').ephemeral().opt({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m' })
  await engine.run('busybox', sleep).ephemeral().name('running').volume('own-data:/data').volume('/anonymous').publish('127.0.0.1::80').memory('32m')
  await engine.run('busybox', ['sh', '-c', 'trap "" TERM INT HUP; while :; do sleep 1; done']).ephemeral().name('named').network('own-net').networkAlias('alias').volume('own-scratch:/scratch')
  await (await engine.run('busybox', sleep).ephemeral().name('paused').init()).pause()
  await engine.run('busybox', ['true']).ephemeral().name('created').volume('/also').network('own-net').create()
  const exited = await engine.run('busybox', ['true']).ephemeral().name('exited')
  await exited.wait({ condition: 'removed' }).catch(() => {})
  const checked = await engine.run('busybox', sleep).ephemeral().name('checked').network('none').healthCmd(['sleep', '1000']).healthInterval('10ms')
  const shell = await checked.exec(['sh', '-c', 'sleep 1000 & sleep 1000']).interactive().start()
  await checked.exec(['sleep', '1000']).detach()
  const io = await engine.run('busybox', ['cat']).ephemeral().name('attached').interactive().tty().attach()
  io.stdin.write('said\\n')
  const busy = await engine.run('busybox', ['sleep', '1000']).ephemeral().name('busy').interactive().attach()
  busy.stdin.write(Buffer.alloc(1 << 20))
`

describe('when the process has ended that has made them, nothing is left of ephemeral things', () => {
  it('by SIGKILL', async () => {
    const child = await owner(everything)
    await ended(child, () => child.kill('SIGKILL'))
    expect(await left()).toEqual([])
  })

  it('by the kernel, for lack of memory', async () => {
    const grow = 'const all = []; for (;;) all.push(Buffer.alloc(2 ** 24, 1))'
    const child = await owner(everything, `setInterval(() => {}, 1000); process.once('SIGUSR2', () => { ${grow} })`)
    const group = memoryGroup(64 * 2 ** 20)
    writeFileSync(`${group}/cgroup.procs`, `${child.pid}`)
    await ended(child, () => child.kill('SIGUSR2'))
    rmdirSync(group)
    expect(child.signalCode).toBe('SIGKILL')
    expect(await left()).toEqual([])
  })

  it('by SIGTERM', async () => {
    const child = await owner(everything)
    await ended(child, () => child.kill('SIGTERM'))
    expect(await left()).toEqual([])
  })

  it('by process.exit()', async () => {
    const child = await owner(everything, 'process.exit(0)')
    await ended(child, () => {})
    expect(await left()).toEqual([])
  })

  it('because nothing keeps it any more', async () => {
    const child = await owner(`await engine.run('busybox', ['sleep', '1000']).ephemeral().volume('/v')`, '')
    await ended(child, () => {})
    expect(await left()).toEqual([])
  })

  it('by an error that nobody catches', async () => {
    const child = await owner(
      everything,
      `process.once('uncaughtException', () => process.exit(1)); setTimeout(() => { throw new Error('of a test') })`,
    )
    await ended(child, () => {})
    expect(await left()).toEqual([])
  })

  it('by engine.close(), which removes them by the ordinary verbs', async () => {
    const child = await owner(everything, 'await engine.close()')
    await ended(child, () => {})
    expect(await left()).toEqual([])
  })
})

it('leaves everything else as it is', async () => {
  const engine = await Engine.open(roots)
  const child = await owner(`
    await engine.networks.create('net').ephemeral()
    await engine.networks.create('kept-net')
    await engine.volumes.create('kept')
    await engine.run('busybox', ['sleep', '1000']).name('stays').volume('kept:/kept').network('kept-net')
    await (await engine.networks.get('net')).connect('stays')
    await engine.run('busybox', ['sleep', '1000']).ephemeral().network('net').volume('kept:/kept')
  `)
  await ended(child, () => child.kill('SIGKILL'))
  await expect
    .poll(() => engine.containers.list({ all: true }), { timeout: 30_000 })
    .toMatchObject([{ name: 'stays', state: 'running' }])
  const stays = await engine.containers.get('stays')
  expect((await engine.networks.list()).map(({ name }) => name)).toEqual(['bridge', 'host', 'kept-net', 'none'])
  expect(Object.keys((await stays.inspect()).NetworkSettings.Networks)).toEqual(['kept-net'])
  expect((await stays.exec(['ls', '/sys/class/net'])).stdout).toBe('eth0\nlo\n')
  await stays.close()
  await (await engine.networks.get('kept-net')).close()
  await (await engine.volumes.get('kept')).close()
  await engine.close()
})

it('shows nobody what belongs to a process that is gone, and gives its names to others', async () => {
  const engine = await Engine.open(roots)
  const child = await owner(everything)
  expect((await engine.containers.list({ all: true })).length).toBe(7)
  await ended(child, () => child.kill('SIGKILL'))
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect((await engine.networks.list()).map(({ name }) => name)).not.toContain('own-net')
  expect(await engine.volumes.list()).toEqual([])
  const again = await engine.run('busybox', ['sleep', '1000']).name('running')
  expect(again.name).toBe('running')
  await again.close()
  await engine.close()
})

it('ends a container that another process has started', async () => {
  const engine = await Engine.open(roots)
  const child = await owner(
    `await engine.run('busybox', ['sleep', '1000']).ephemeral().name('lent').volume('/v').create()`,
  )
  const lent = await engine.containers.get('lent')
  await lent.start()
  expect((await lent.inspect()).State.Running).toBe(true)
  await ended(child, () => child.kill('SIGKILL'))
  await expect.poll(() => engine.containers.list({ all: true }), { timeout: 30_000 }).toEqual([])
  await engine.close()
})

it('has another keeper when one is killed', async () => {
  const child = await owner(everything)
  const first = keeperOf()
  expect(first).toBeGreaterThan(0)
  process.kill(first, 'SIGKILL')
  await expect.poll(() => keeperOf() !== first && keeperOf() > 0, { timeout: 30_000 }).toBe(true)
  await ended(child, () => child.kill('SIGKILL'))
  expect(await left()).toEqual([])
})

it('is finished by who opens the root when owner, keeper and supervisors were killed', async () => {
  const child = await owner(everything)
  child.kill('SIGSTOP')
  const pids = processesOf(directory).filter((text) => / inboard/.test(text))
  for (const text of pids) process.kill(Number(/\d+/.exec(text)?.[0]), 'SIGKILL')
  await ended(child, () => child.kill('SIGKILL'))
  const engine = await Engine.open(roots)
  expect(await engine.containers.list({ all: true })).toEqual([])
  await engine.close()
})

it('undoes what a supervisor has left that was killed before', async () => {
  const child = await owner(everything)
  child.kill('SIGSTOP')
  const pids = processesOf(directory).filter((text) => / inboard [0-9a-f]{7}$/.test(text))
  expect(pids.length).toBeGreaterThan(4)
  for (const text of pids) process.kill(Number(/\d+/.exec(text)?.[0]), 'SIGKILL')
  await ended(child, () => child.kill('SIGKILL'))
  expect(await left()).toEqual([])
})

it('keeps owners on one root apart', async () => {
  const one = await owner(`await engine.run('busybox', ['sleep', '1000']).ephemeral().name('one')`)
  const two = await owner(`await engine.run('busybox', ['sleep', '1000']).ephemeral().name('two')`)
  await ended(one, () => one.kill('SIGKILL'))
  const engine = await Engine.open(roots)
  await expect
    .poll(() => engine.containers.list({ all: true }), { timeout: 30_000 })
    .toMatchObject([{ name: 'two', state: 'running' }])
  await ended(two, () => two.kill('SIGKILL'))
  expect(await engine.containers.list({ all: true })).toEqual([])
  await engine.close()
})

it('keeps an ephemeral volume that a container has which is not ephemeral', async () => {
  const engine = await Engine.open(roots)
  const child = await owner(`await engine.volumes.create('shared').ephemeral()`)
  const user = await engine.run('busybox', ['sh', '-c', 'echo kept >/data/file; sleep 1000']).volume('shared:/data')
  await ended(child, () => child.kill('SIGKILL'))
  await expect.poll(() => readdirSync(join(directory, 'run/owners')), { timeout: 30_000 }).toEqual([])
  expect((await user.exec(['cat', '/data/file'])).stdout).toBe('kept\n')
  expect((await engine.volumes.list()).map(({ name }) => name)).toEqual(['shared'])
  await user.close()
  await (await engine.volumes.get('shared')).close()
  await engine.close()
})

it('is not together with a restart policy', async () => {
  const engine = await Engine.open(roots)
  await expect(engine.run('busybox').ephemeral().restart('always').create()).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  })
  await engine.close()
})
