import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockRunDirectory } from '../../src/container/run-directory.js'
import type { Container } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { engineProgram, startEngineProcess } from '../support/engine-process.js'

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(async () => {
  expect(await host.leaks()).toEqual([])
  await host[Symbol.asyncDispose]()
})

/** Makes containers in a process that is killed as soon as they run; what they are called is what `body` returns. */
async function madeByTheDead(body: string): Promise<Container[]> {
  const program = `
    const made = await (async () => {${body}})()
    console.log(JSON.stringify(made.map(({ id }) => id)))
    setInterval(() => {}, 1000)
  `
  const maker = startEngineProcess(host.engine, program)
  const [line] = await once(createInterface(maker.stdout), 'line')
  maker.kill('SIGKILL')
  await once(maker, 'exit')
  return Promise.all(JSON.parse(line).map((id: string) => host.engine.containers.get(id)))
}

const status = async (container: Container) => (await container.inspect()).State.Status

describe('after the process that made them was killed', () => {
  test('every verb does what it does', async () => {
    const [one, other] = await madeByTheDead(`
      const program = 'trap "exit 143" TERM; sleep 1000 & echo hello; while :; do sleep 0.05; done'
      const run = (name) => engine.run('busybox', ['sh', '-c', program]).name(name).network('none')
      return [await run('one'), await run('other')]
    `)
    const container = one as Container
    for await (const { text } of container.logs({ follow: true })) if (text === 'hello\n') break
    expect(await status(container)).toBe('running')
    await container.pause()
    expect(await status(container)).toBe('paused')
    await container.unpause()
    await container.update({ pidsLimit: 77, restart: 'unless-stopped' })
    expect((await container.exec(['cat', '/proc/1/comm'])).exitCode).toBe(0)
    expect((await container.top()).processes.length).toBeGreaterThan(1)
    expect((await container.stats()).pids).toBeGreaterThan(1)
    expect(await container.logs().text()).toBe('hello\n')
    expect(await container.diff()).toEqual([])
    await container.rename('renamed')
    expect((await host.engine.containers.get('renamed')).id).toBe(container.id)
    await container.kill('SIGWINCH')
    const ended = container.wait()
    await container.stop()
    expect(await ended).toMatchObject({ exitCode: 143 })
    expect((await container.inspect()).HostConfig).toMatchObject({ PidsLimit: 77 })
    await container.start()
    await container.restart({ timeoutMs: 0 })
    expect(await status(container)).toBe('running')
    await container.kill()
    expect(await status(container)).toBe('exited')
    await container.remove()
    await (other as Container).remove({ force: true })
    expect(await host.engine.containers.list({ all: true })).toEqual([])
  })

  test('those that restart go on doing so, and are stopped for good', async () => {
    const [failing] = await madeByTheDead(
      `return [await engine.run('busybox', ['sh', '-c', 'exit 4']).restart('always').network('none')]`,
    )
    const container = failing as Container
    for (let end = 0; end < 3; end++)
      expect(await container.wait({ condition: 'next-exit' })).toMatchObject({ exitCode: 4 })
    await container.stop()
    expect(await status(container)).toBe('exited')
    expect((await container.inspect()).RestartCount).toBeGreaterThan(1)
    await container.remove()
  })

  test('one that removes itself is waited for until it is gone', async () => {
    const [brief] = await madeByTheDead(`return [await engine.run('busybox', ['sleep', '1000']).rm().network('none')]`)
    const container = brief as Container
    const removed = container.wait({ condition: 'removed' })
    await container.kill()
    expect(await removed).toMatchObject({ exitCode: 137 })
    await expect(container.inspect()).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  })
})

describe('another process', () => {
  test('wakes who waits for the next end of one that does not run, and for its removal', async () => {
    const container = await host.engine.run('busybox', ['sh', '-c', 'exit 6']).network('none').create()
    const next = container.wait({ condition: 'next-exit' })
    const removed = container.wait({ condition: 'removed' })
    const theirs = `await engine.containers.get(${JSON.stringify(container.id)})`
    await inAnotherProcess(host, `const container = ${theirs}; await container.start(); await container.wait()`)
    expect(await next).toMatchObject({ exitCode: 6 })
    await inAnotherProcess(host, `await (${theirs}).remove()`)
    expect(await removed).toMatchObject({ exitCode: 6 })
  })

  test('that runs and removes one keeps nobody from knowing how it ended, who had no chance to look meanwhile', async () => {
    const container = await host.engine.run('busybox', ['sh', '-c', 'exit 6']).network('none').create()
    const waits = (['next-exit', 'removed'] as const).map((condition) => container.wait({ condition }))
    const program = `
      const container = await engine.containers.get(${JSON.stringify(container.id)})
      await container.start()
      await container.wait()
      await container.remove()
      await engine.close()
    `
    // This process stands still.
    execFileSync(process.execPath, engineProgram(host.engine, program))
    expect(await Promise.all(waits)).toMatchObject([{ exitCode: 6 }, { exitCode: 6 }])
  })

  test('wakes who has seen its run begin, and then only that it is over', async () => {
    const container = await host.engine.run('busybox', ['true']).network('none').create()
    const database = new Sqlite(join(host.engine.root, 'db/inboard.sqlite'))
    database.prepare("UPDATE containers SET phase = 'started', attempt = 1 WHERE id = ?").run(container.id)
    database.close()
    const lock = lockRunDirectory(host.engine.runRoot, container.id) as number
    // There is no program yet.
    const next = container.wait({ condition: 'next-exit' })
    const times = 'startedAtNs 1700000000000000000\nfinishedAtNs 1700000000000000001\n'
    const exit = `signaled 0\nstatus 6\noomKilled 0\nrestarts 0\nlogDropped 0\n${times}`
    writeFileSync(join(host.engine.runRoot, container.id, 'exit'), exit)
    closeSync(lock)
    expect(await next).toMatchObject({ exitCode: 6 })
    await container.remove()
  })

  test('a pause outlives who asked for it, and a kill reaches what is paused', async () => {
    const container = await host.engine.run('busybox', ['sleep', '1000']).network('none')
    await inAnotherProcess(host, `await (await engine.containers.get(${JSON.stringify(container.id)})).pause()`)
    expect(await status(container)).toBe('paused')
    await container.kill()
    expect(await container.wait()).toMatchObject({ exitCode: 137 })
    await container.remove()
  })

  test('an update of the restart policy holds for the run that goes on', async () => {
    const program = 'until [ -e /go ]; do sleep 0.05; done; exit 5'
    const container = await host.engine.run('busybox', ['sh', '-c', program]).network('none')
    await inAnotherProcess(
      host,
      `await (await engine.containers.get(${JSON.stringify(container.id)})).update({ restart: 'on-failure:2' })`,
    )
    await container.exec(['touch', '/go'])
    while ((await status(container)) !== 'exited') await container.wait({ condition: 'not-running' })
    expect((await container.inspect()).RestartCount).toBe(2)
    await container.remove()
  })
})

describe('a restart', () => {
  test('is a stop that the policy does not undo, and a start that counts anew', async () => {
    const run = host.engine.run('busybox', ['sh', '-c', 'test -e /told/stay && exec sleep 1000; exit 4'])
    const told = join(host.directory, 'told')
    const container = await run.volume(`${told}:/told`).restart('always').network('none')
    while ((await container.inspect()).RestartCount < 2) await container.wait({ condition: 'next-exit' })
    writeFileSync(join(told, 'stay'), '')
    await container.restart({ timeoutMs: 0 })
    expect((await container.inspect()).RestartCount).toBe(0)
    await container.remove({ force: true })
  })
})

describe('a restart of one that removes itself', () => {
  test('keeps it, also when it has to be killed, and it removes itself afterwards', async () => {
    const container = await host.engine.run('busybox', ['sleep', '1000']).rm().network('none')
    await container.exec(['touch', '/kept'])
    await container.restart({ timeoutMs: 0 })
    expect((await container.exec(['ls', '/kept'])).exitCode).toBe(0)
    await inAnotherProcess(
      host,
      `await (await engine.containers.get(${JSON.stringify(container.id)})).restart({ timeoutMs: 0 })`,
    )
    expect(await status(container)).toBe('running')
    const removed = container.wait({ condition: 'removed' })
    await container.kill()
    expect(await removed).toMatchObject({ exitCode: 137 })
  })
})

test('who waits polls nothing', async () => {
  const container = await host.engine.run('busybox', ['sleep', '1000']).network('none')
  const created = await host.engine.run('busybox', ['sleep', '1000']).network('none').create()
  const stop = new AbortController()
  const waits = [
    container.wait({ condition: 'next-exit', signal: stop.signal }),
    created.wait({ condition: 'removed', signal: stop.signal }),
  ].map((wait) => wait.catch((error) => error))
  await container.exec(['true'])
  const reads = () => Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  const before = reads()
  await container.exec(['sleep', '0.5'])
  expect(reads() - before).toBeLessThan(500)
  stop.abort(new Error('enough'))
  expect(await Promise.all(waits)).toEqual([stop.signal.reason, stop.signal.reason])
  await container.remove({ force: true })
  await created.remove()
})
