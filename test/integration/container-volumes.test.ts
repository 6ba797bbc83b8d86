import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  const maker = await engine.run('busybox', [
    'sh',
    '-c',
    'mkdir /seed; for i in $(seq 200); do echo $i >/seed/$i; done; chown 7:8 /seed',
  ])
  await maker.wait()
  await maker.commit('seeded', { changes: ['VOLUME /seed'] })
  await maker.remove()
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  await engine.volumes.prune({ all: true })
  expect(await engine.volumes.list()).toEqual([])
  await expect.poll(() => readdir(join(engine.root, 'volumes'))).toEqual([])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const names = async () => (await engine.volumes.list()).map(({ name }) => name)
const anonymous = expect.stringMatching(/^[0-9a-f]{64}$/)
const sh = (script: string, image = 'busybox') => engine.run(image, ['sh', '-c', script])
const mountsOf = async (container: Container) => (await container.inspect()).Mounts

/** Ends a container by its supervisor alone: this process does not look. */
const inputOf = async (name: string) => (await (await engine.containers.get(name)).attach()).stdin

describe('a volume of a container', () => {
  test('keeps its files from start to start, and its writable layer has none of them', async () => {
    const container = await sh('echo run >>/data/log; cat /data/log').volume('/data').create()
    await container.start()
    await container.wait()
    await container.restart()
    await container.wait()
    expect(await container.logs().text()).toBe('run\nrun\nrun\n')
    expect((await container.diff()).map(({ kind, path }) => `${kind} ${path}`)).toEqual(['A /data'])
  })

  test('is made with the container and filled before it starts', async () => {
    const container = await engine.run('seeded', ['true']).create()
    const [mount] = await mountsOf(container)
    expect(mount).toMatchObject({ Type: 'volume', Name: anonymous, Destination: '/seed', Driver: 'local', RW: true })
    expect(await readdir(mount?.Source as string)).toHaveLength(200)
  })

  test('is no part of what is committed or exported, though its place is', async () => {
    const container = await sh('echo secret >/data/file').volume('/data')
    await container.wait()
    await container.commit('without')
    expect((await sh('ls /data', 'without').rm().output()).stdout).toBe('')
  })

  test('is filled once by ten containers that start together, in three processes', async () => {
    const run =
      "engine.run('seeded', ['sh', '-c', 'ls /seed | wc -l; stat -c %u:%g /seed']).volume('shared:/seed').rm().output()"
    const program = `return Promise.all(Array.from({ length: 3 }, () => ${run})).then((all) => all.map(({ stdout }) => stdout))`
    const others = [inAnotherProcess<string[]>(host, program), inAnotherProcess<string[]>(host, program)]
    const ours = Array.from({ length: 4 }, () =>
      sh('ls /seed | wc -l; stat -c %u:%g /seed', 'seeded').volume('shared:/seed').rm().output(),
    )
    const outputs = [...(await Promise.all(ours)).map(({ stdout }) => stdout), ...(await Promise.all(others)).flat()]
    expect(outputs).toEqual(Array(10).fill('200\n7:8\n'))
    expect(await names()).toEqual(['shared'])
  })
})

describe('an anonymous volume', () => {
  test('goes with an rm container that ends while no process is there, when the next one looks', async () => {
    await inAnotherProcess(
      host,
      `await engine.run('busybox', ['sh', '-c', 'read x']).interactive().name('alone').volume('/anon', 'named:/n').rm()`,
    )
    expect(await names()).toEqual([anonymous, 'named'])
    // An engine of its own, which is closed before the container ends.
    await inAnotherProcess(host, `(await (await engine.containers.get('alone')).attach()).stdin.end('go\\n')`)
    const left = await inAnotherProcess(host, 'return (await engine.volumes.list()).map(({ name }) => name)')
    await expect.poll(names).toEqual(['named'])
    expect([1, 2]).toContain((left as string[]).length)
  })

  test('stays when its container is removed without volumes, and is dangling then', async () => {
    const container = await engine.run('busybox').volume('/anon').create()
    expect(await engine.volumes.list({ filters: { dangling: true } })).toEqual([])
    await container.remove()
    const dangling = await engine.volumes.list({ filters: { dangling: true } })
    expect(dangling.map(({ name }) => name)).toEqual([anonymous])
    expect((await engine.volumes.prune()).deleted).toEqual(dangling.map(({ name }) => name))
  })

  test('goes with a running container that is removed by force, and with its rm twin', async () => {
    const container = await engine.run('busybox', ['sleep', '1000']).volume('/anon')
    const twin = await engine.run('busybox', ['sleep', '1000']).volume('/anon').rm()
    expect(await names()).toHaveLength(2)
    await Promise.all([container.remove({ force: true, volumes: true }), twin.remove({ force: true })])
    expect(await names()).toEqual([])
  })

  test('stays where the start fails, and goes with the container', async () => {
    const container = await engine.run('busybox', ['/nosuch']).volume('/anon').create()
    await expect(container.start()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    expect(await names()).toHaveLength(1)
    await container.remove({ volumes: true })
    expect(await names()).toEqual([])
  })

  test('of an rm container whose start fails goes at once', async () => {
    await expect(engine.run('busybox', ['/nosuch']).volume('/anon').rm()).rejects.toMatchObject({
      code: 'PROGRAM_NOT_FOUND',
    })
    await expect.poll(names).toEqual([])
  })
})

describe('references to a volume', () => {
  test('are those of containers, whichever process and whichever handle removes them', async () => {
    await engine.run('busybox').name('owner').volume('/shared').create()
    const readers = ['one', 'two', 'three'].map((name) =>
      engine.run('busybox').name(name).volumesFrom('owner').create(),
    )
    await Promise.all(readers)
    const remove = (name: string) =>
      inAnotherProcess(host, `await (await engine.containers.get('${name}')).remove({ volumes: true })`)
    await Promise.all(['owner', 'two'].map(remove))
    expect(await names()).toEqual([anonymous])
    await remove('three')
    expect(await names()).toEqual([anonymous])
    await (await engine.containers.get('one')).remove({ volumes: true })
    expect(await names()).toEqual([])
  })

  test('are counted with the container: of a name that is taken there is neither', async () => {
    await engine.run('busybox').name('taken').create()
    const refused = engine.run('busybox').name('taken').volume('/anon', 'new:/new').create()
    await expect(refused).rejects.toMatchObject({ code: 'NAME_IN_USE' })
    expect(await names()).toEqual([])
  })

  test('that begin while the last other one ends find the volume whole or are refused', async () => {
    for (let round = 0; round < 10; round++) {
      const owner = await engine.run('seeded').name('owner').create()
      const [removed, taken] = await Promise.allSettled([
        owner.remove({ volumes: true }),
        sh('ls /seed | wc -l').volumesFrom('owner').rm().output(),
      ])
      expect(removed.status).toBe('fulfilled')
      const told = taken.status === 'fulfilled' ? taken.value.stdout : (taken.reason as { code: string }).code
      expect(['200\n', 'CONTAINER_NOT_FOUND', 'VOLUME_NOT_FOUND']).toContain(told)
      await expect.poll(names).toEqual([])
    }
  })

  test('of six processes that create and remove leave nothing, and take no volume from one another', async () => {
    const script = `
      for (let i = 0; i < 8; i++) {
        const owner = await engine.run('seeded').volume('common:/common').create()
        const reader = await engine.run('busybox', ['sh', '-c', 'ls /seed | wc -l']).volumesFrom(owner.id).create()
        await owner.remove({ volumes: true })
        await reader.start()
        await reader.wait()
        if ((await reader.logs().text()) !== '200\\n') throw new Error(await reader.logs().text())
        await reader.remove({ volumes: true })
      }`
    await Promise.all(Array.from({ length: 6 }, () => inAnotherProcess(host, script)))
    expect(await names()).toEqual(['common'])
  })
})

describe('a volume that a container takes from another', () => {
  test('is at the same place, and read-only where it is asked for', async () => {
    await sh('echo kept >/data/file').name('owner').volume('/data', 'log:/log:ro').output()
    const script = 'cat /data/file; touch /data/x 2>&1 | grep -o Read-only; touch /log/x 2>&1 | grep -o Read-only'
    const both = await Promise.all([
      sh(script).volumesFrom('owner:ro').rm().output(),
      sh(script).volumesFrom('owner').rm().output(),
    ])
    expect(both.map(({ stdout }) => stdout)).toEqual(['kept\nRead-only\nRead-only\n', 'kept\nRead-only\n'])
  })

  test('comes from several, the last one first, and what the container has of its own before all', async () => {
    const owners = ['aa', 'bb'].map((name) =>
      sh(`echo ${name} | tee /shared/name /${name}/name /own/name`)
        .name(name)
        .volume('/shared', `/${name}`, '/own')
        .output(),
    )
    await Promise.all(owners)
    const run = sh('cat /shared/name /aa/name /bb/name; ls /own').volumesFrom('aa', 'bb').volume('mine:/own')
    expect((await run.rm().output()).stdout).toBe('bb\naa\nbb\n')
  })

  test('comes with binds too, from one that was removed meanwhile it does not', async () => {
    await sh('true').name('owner').volume(`${host.directory}/bound:/bound`).tmpfs('/scratch').output()
    const taken = await mountsOf(await engine.run('busybox').volumesFrom('owner').create())
    expect(taken).toMatchObject([{ Type: 'bind', Destination: '/bound', Source: `${host.directory}/bound` }])
    await (await engine.containers.get('owner')).remove()
    await expect(engine.run('busybox').volumesFrom('owner').create()).rejects.toMatchObject({
      code: 'CONTAINER_NOT_FOUND',
    })
  })
})

test('a process that is killed while its containers run takes no volume from them', async () => {
  const program = `
    await engine.run('busybox', ['sh', '-c', 'read x; echo $x >/data/file']).interactive().name('orphan').volume('/data', 'named:/n')
    process.stdout.write('running')
    await new Promise(() => setInterval(() => {}, 1000))`
  const child = startEngineProcess(engine, program)
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const orphan = await engine.containers.get('orphan')
  ;(await inputOf('orphan')).end('written\n')
  await orphan.wait()
  const data = (await mountsOf(orphan)).find(({ Destination }) => Destination === '/data')
  expect(await readFile(join(data?.Source as string, 'file'), 'utf8')).toBe('written\n')
  await orphan.remove({ volumes: true })
  expect(await names()).toEqual(['named'])
})
