import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'
import { fact } from './support/facts.js'
import { askForImages, type ImageAnswer, imageRequests, rootfs } from './support/image-requests.js'

/** What Docker 20.10 has answered (record/image-requests.ts). */
const facts = JSON.parse(fact('image-requests.json')) as (ImageAnswer & { ask: string })[]

let api: TestApi
let registry: TestRegistry
let answers: readonly ImageAnswer[]
beforeAll(async () => {
  api = await testApi([])
  registry = await startRegistry()
  answers = await askForImages(api.socket, registry.host, await rootfs())
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

test('the facts are of these requests', () => {
  expect(facts.map(({ ask }) => ask)).toEqual(imageRequests.map(({ ask }) => ask))
})

describe("a request about images is answered in Docker's words", () => {
  const same = imageRequests.flatMap(({ ask, differs }, at) => (differs === undefined ? [[at, ask] as const] : []))
  test.each(same)('%i: %s', (at) => {
    const { ask: _, ...expected } = facts[at] as (typeof facts)[number]
    expect(answers[at]).toEqual(expected)
  })
})

describe('but for', () => {
  const others = imageRequests.flatMap(({ ask, differs }, at) =>
    differs === undefined ? [] : [[at, ask, differs] as const],
  )
  test.each(others)('%i: %s: %s', (at) => {
    const { ask: _, ...expected } = facts[at] as (typeof facts)[number]
    expect(answers[at]).not.toEqual(expected)
  })
})
