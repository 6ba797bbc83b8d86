import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { hasEnded, supervisorIn } from '../support/processes.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

describe('states', () => {
  test('a container goes from created to running to exited and can start again with its files', async () => {
    const container = await engine.run('busybox', ['sh', '-c', 'echo run >> /runs; cat /runs']).create()
    const status = async () => (await container.inspect()).State.Status
    expect(await status()).toBe('created')
    await container.start()
    await container.wait()
    expect(await status()).toBe('exited')
    await container.start()
    await container.wait()
    expect(await container.logs().text()).toBe('run\nrun\nrun\n')
    await container.remove()
    await expect(container.inspect()).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  })

  test('starting one that runs is no error, removing it is, unless forced', async () => {
    const container = await engine.run('busybox', ['sleep', '1000'])
    await container.start()
    await expect(container.remove()).rejects.toMatchObject({ code: 'CONTAINER_IN_USE' })
    await container.remove({ force: true })
    expect(await engine.containers.list({ all: true })).toEqual([])
  })

  test('killing one that does not run is refused', async () => {
    const container = await engine.run('busybox', ['true']).create()
    await expect(container.kill()).rejects.toMatchObject({ code: 'INVALID_STATE' })
    await container.remove()
  })

  test('stop sends the stop signal first and SIGKILL when time is up', async () => {
    const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
    const polite = await engine.run('busybox', ['sh', '-c', script])
    for await (const { text } of polite.logs({ follow: true })) if (text === 'ready\n') break
    await polite.stop()
    const deaf = await engine.run('busybox', ['sleep', '1000'])
    await deaf.stop({ timeoutMs: 100 })
    expect([(await polite.wait()).exitCode, (await deaf.wait()).exitCode]).toEqual([7, 137])
    await Promise.all([polite.remove(), deaf.remove()])
  })

  test('a failed start leaves a created container that says why', async () => {
    const container = await engine.run('busybox', ['nosuch']).create()
    await expect(container.start()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    const { State } = await container.inspect()
    expect(State).toMatchObject({
      Status: 'created',
      ExitCode: 127,
      Error: expect.stringContaining('executable file not found'),
    })
    await container.remove()
  })

  test('several starts at once start it once', async () => {
    const container = await engine.run('busybox', ['sh', '-c', 'echo started; sleep 1000']).create()
    await Promise.all(Array.from({ length: 8 }, () => container.start()))
    for await (const { text } of container.logs({ follow: true })) if (text === 'started\n') break
    expect(await container.logs().text()).toBe('started\n')
    await container.remove({ force: true })
  })
})

describe('names and ids', () => {
  test('names are unique, and free again after removal', async () => {
    const first = await engine.run('busybox').name('unique').create()
    await expect(engine.run('busybox').name('unique').create()).rejects.toMatchObject({ code: 'NAME_IN_USE' })
    await first.remove()
    await (await engine.run('busybox').name('unique').create()).remove()
  })

  test('a random name has two words', async () => {
    const container = await engine.run('busybox').create()
    expect(container.name).toMatch(/^[a-z]+_[a-z]+\d*$/)
    expect(container.id).toMatch(/^[0-9a-f]{64}$/)
    expect((await engine.containers.get(container.id.slice(0, 12))).id).toBe(container.id)
    await container.remove()
  })

  test('a prefix that fits several is an error', async () => {
    const many = await Promise.all(Array.from({ length: 17 }, () => engine.run('busybox').create()))
    const firsts = many.map(({ id }) => id.slice(0, 1))
    const twice = firsts.find((first, index) => firsts.indexOf(first) !== index) as string
    await expect(engine.containers.get(twice)).rejects.toMatchObject({ code: 'AMBIGUOUS_ID' })
    await Promise.all(many.map((container) => container.remove()))
  })

  test('rename', async () => {
    const container = await engine.run('busybox').create()
    await container.rename('other-name')
    expect((await engine.containers.get('other-name')).id).toBe(container.id)
    await container.remove()
  })
})

describe('other processes', () => {
  test('a container and its log outlive the process that started it, and another one drives it', async () => {
    const { id } = await inAnotherProcess<{ id: string }>(
      host,
      `
      const container = await engine.run('busybox', ['sh', '-c', 'echo started; read line; echo $line; echo ended']).interactive().name('outliving')
      return { id: container.id }
    `,
    )
    const container = await engine.containers.get('outliving')
    expect(container.id).toBe(id)
    const attached = await container.attach()
    const { stdout } = await container.exec(['cat', '/proc/1/comm'])
    expect(stdout).toBe('sh\n')
    attached.stdin.write('typed\n')
    expect(await attached.exit).toMatchObject({ exitCode: 0 })
    expect(await container.logs().text()).toBe('started\ntyped\nended\n')
    expect((await container.wait()).exitCode).toBe(0)
    await container.remove()
  })

  test('the end of a container is recorded though no process was there', async () => {
    await inAnotherProcess(
      host,
      `await engine.run('busybox', ['sh', '-c', 'read x; exit 9']).interactive().name('alone')`,
    )
    const container = await engine.containers.get('alone')
    const attached = await container.attach()
    attached.stdin.end('go\n')
    expect(await container.wait()).toMatchObject({ exitCode: 9 })
    const result = await inAnotherProcess<number>(
      host,
      `return (await (await engine.containers.get('alone')).inspect()).State.ExitCode`,
    )
    expect(result).toBe(9)
    await container.remove()
  })

  test('a container whose supervisor is killed dies with it, and is recorded as killed', async () => {
    const container = await engine.run('busybox', ['sleep', '1000'])
    const { Pid } = (await container.inspect()).State
    process.kill(supervisorIn(`${engine.runRoot}/${container.id}`), 'SIGKILL')
    expect((await container.wait()).exitCode).toBe(137)
    // The kernel closes a supervisor's lock before it kills what dies with it.
    await expect.poll(() => hasEnded(Pid)).toBe(true)
    await container.remove()
  })

  test('eight processes creating and removing containers at once lose nothing', async () => {
    const script = `
      for (let i = 0; i < 12; i++) {
        const { stdout } = await engine.run('busybox', ['echo', String(i)]).rm().output()
        if (stdout !== i + '\\n') throw new Error('lost: ' + stdout)
        const kept = await engine.run('busybox', ['true'])
        await kept.wait()
        await kept.remove()
      }
      return (await (await engine.run('busybox', ['sh', '-c', 'exit 5']).create()).id)`
    const ids = await Promise.all(Array.from({ length: 8 }, () => inAnotherProcess<string>(host, script)))
    const left = await engine.containers.list({ all: true })
    expect(new Set(left.map(({ id }) => id))).toEqual(new Set(ids))
    for (const { id } of left) await (await engine.containers.get(id)).remove()
  })
})

test('nothing is left behind of all this', async () => {
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await host.leaks()).toEqual([])
})
