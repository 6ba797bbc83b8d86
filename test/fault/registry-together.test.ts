import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'
import { violations } from './support/invariants.js'
import { newPlace } from './support/place.js'
import { startProgram } from './support/program.js'
import { fetched, runnable, wrongWith } from './support/registry-image.js'

const slow = { on: /^GET .*\/blobs\//, effect: { kind: 'slow', chunk: 100_000, everyMs: 20 } } as const

test('two pulls of an image in a process fetch each blob once', async () => {
  await using registry = await ScriptedRegistry.start({ faults: [slow] })
  const image = await registry.addImage('library/x', runnable())
  using place = newPlace()
  const engine = await Engine.open(place.roots)
  const reference = `${registry.host}/library/x`
  const [one, other] = await Promise.all([engine.pull(reference), engine.pull(reference)])
  expect(one.id).toBe(other.id)
  expect(image.layers.map(({ digest }) => fetched(registry, digest).requests)).toEqual([1, 1, 1])
  expect(await wrongWith(engine, reference, image)).toEqual([])
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
})

test('two processes that pull an image fetch each blob once', async () => {
  await using registry = await ScriptedRegistry.start({ faults: [slow] })
  const image = await registry.addImage('library/x', runnable())
  using place = newPlace()
  const reference = `${registry.host}/library/x`
  const running = await Promise.all([1, 2].map(() => startProgram('pull', { roots: place.roots, reference })))
  const ended = await Promise.all(running.map((one) => one.ended))
  expect(ended.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(['0 ', '0 '])
  expect(image.layers.map(({ digest }) => fetched(registry, digest).requests)).toEqual([1, 1, 1])
  const engine = await Engine.open(place.roots)
  expect(await wrongWith(engine, reference, image)).toEqual([])
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
})

test('a process that is killed in its pull lets the other one finish it', async () => {
  await using registry = await ScriptedRegistry.start({ faults: [slow] })
  const image = await registry.addImage('library/x', runnable())
  using place = newPlace()
  const reference = `${registry.host}/library/x`
  const [first, second] = await Promise.all([1, 2].map(() => startProgram('pull', { roots: place.roots, reference })))
  await expect.poll(() => registry.sent.size, { timeout: 20_000 }).toBeGreaterThanOrEqual(4)
  first?.process.kill('SIGKILL')
  expect((await second?.ended)?.code).toBe(0)
  const engine = await Engine.open(place.roots)
  expect(await wrongWith(engine, reference, image)).toEqual([])
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
})
