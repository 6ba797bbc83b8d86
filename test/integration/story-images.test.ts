import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'

// The tutorials' tour of images, in their order: each test goes on where the one before it stopped.
let host: TestEngine
let engine: Engine
let hub: TestRegistry
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  hub = await startRegistry()
  await (await engine.images.get('busybox')).tag(`${hub.host}/training/busybox:1`)
  await engine.images.push(`${hub.host}/training/busybox:1`)
  for (const { id } of await engine.images.list()) await engine.images.remove(id, { force: true })
})
afterAll(async () => {
  await hub[Symbol.asyncDispose]()
  await host[Symbol.asyncDispose]()
})

const tagsOf = async () => (await engine.images.list()).flatMap(({ repoTags }) => repoTags).sort()

test('an image is searched, and run without being pulled first', async () => {
  const found = await engine.images.search(`${hub.host}/busy`)
  expect(found.map(({ name }) => name)).toEqual(['training/busybox'])
  expect(await engine.images.tags(`${hub.host}/training/busybox`)).toEqual(['1'])
  const output = await engine.run(`${hub.host}/training/busybox:1`, ['echo', 'hi']).rm().output()
  expect(output).toMatchObject({ exitCode: 0, stdout: 'hi\n' })
  expect(await tagsOf()).toEqual([`${hub.host}/training/busybox:1`])
})

test('what a container has changed becomes an image with a message and an author', async () => {
  const script = 'echo json >/gems; rm /bin/vi; echo more >>/etc/group'
  const container = await engine.run(`${hub.host}/training/busybox:1`, ['sh', '-c', script])
  await container.wait()
  const changes = (await container.diff()).map(({ kind, path }) => `${kind} ${path}`)
  expect(changes).toEqual(expect.arrayContaining(['D /bin/vi', 'C /bin', 'C /etc', 'C /etc/group']))
  expect(changes).toContain('A /gems')
  const image = await container.commit('ouruser/sinatra:v2', { message: 'Added json gem', author: 'Kate Smith' })
  await container.remove()
  expect(await image.inspect()).toMatchObject({ Author: 'Kate Smith', Comment: 'Added json gem' })
  const [last, ...others] = await image.history()
  expect(last).toMatchObject({ id: image.id, createdBy: `sh -c ${script}`, comment: 'Added json gem' })
  expect(others.length).toBeGreaterThan(0)
  const { stdout } = await engine.run('ouruser/sinatra:v2', ['cat', '/gems']).rm().output()
  expect(stdout).toBe('json\n')
})

test('it is given another name, pushed, removed everywhere and comes back by its digest', async () => {
  const image = await engine.images.get('ouruser/sinatra:v2')
  const name = `${hub.host}/ouruser/sinatra`
  await image.tag(`${name}:devel`)
  const [pushed] = await image.push(`${name}:devel`)
  expect((await image.inspect()).RepoDigests).toEqual([`${name}@${pushed?.digest}`])
  const byId = engine.images.remove(image.id)
  await expect(byId).rejects.toThrow('image is referenced in multiple repositories')
  expect(await engine.images.remove(`${name}:devel`)).toContainEqual({ untagged: `${name}:devel` })
  expect(await engine.images.remove('ouruser/sinatra:v2')).toContainEqual({ deleted: image.id })
  const pulled = await engine.pull(`${name}@${pushed?.digest}`)
  expect(pulled.id).toBe(image.id)
  expect(pulled.references).toEqual([])
})

test('images without a name are listed and removed together', async () => {
  const dangling = await engine.images.list({ filters: { dangling: true } })
  expect(dangling).toHaveLength(1)
  const { deleted } = await engine.images.prune()
  expect(deleted).toContainEqual({ deleted: dangling[0]?.id })
  expect(await engine.images.list({ filters: { dangling: true } })).toEqual([])
})

test('export and import make an image of one layer', async () => {
  const container = await engine.run(`${hub.host}/training/busybox:1`, ['touch', '/new']).create()
  await container.start()
  await container.wait()
  const flat = await engine.images.import(container.export(), { reference: 'flatten:test' })
  await container.remove()
  expect(await flat.history()).toHaveLength(1)
  expect((await flat.inspect()).RootFS.Layers).toHaveLength(1)
  const { exitCode } = await engine.run('flatten:test', ['test', '-f', '/new']).rm().output()
  expect(exitCode).toBe(0)
})

test('save, remove and load bring the same image back', async () => {
  const archive = join(host.directory, 'flat.tar')
  const { id } = await engine.images.get('flatten:test')
  await engine.images.save('flatten:test', archive)
  await engine.images.remove('flatten:test')
  const [loaded] = await engine.images.load(archive)
  expect(loaded?.id).toBe(id)
  expect(await tagsOf()).toEqual(['flatten:test', `${hub.host}/training/busybox:1`].sort())
})
