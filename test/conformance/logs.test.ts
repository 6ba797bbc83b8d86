import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunBuilder } from '../../src/container/run-builder.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

type Line = string | { readonly length: number; readonly sha256: string }

/** What Docker's daemon wrote and said, by facts/logs.mjs. */
const facts = JSON.parse(fact('logs.json')) as {
  readonly scripts: readonly { readonly name: string; readonly script: string; readonly lines: readonly Line[] }[]
  readonly attributes: readonly { readonly name: string; readonly options: string[]; readonly lines: readonly Line[] }[]
  readonly refusals: readonly { readonly options: readonly string[]; readonly message: string }[]
}

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

async function linesOf(builder: RunBuilder): Promise<Line[]> {
  const container = await builder
  await container.wait()
  const { LogPath } = await container.inspect()
  await container.logs().text()
  return readFileSync(LogPath, 'utf8').trimEnd().split('\n').map(summary(container.name))
}

const summary = (name: string) => (line: string) => {
  const timeless = line.replace(/"time":"[^"]*"/, '"time":""').replace(name, 'NAME')
  return timeless.length < 1000
    ? timeless
    : { length: timeless.length, sha256: createHash('sha256').update(timeless).digest('hex') }
}

describe("a json-file log is Docker's, byte for byte but for the times", () => {
  test.each(facts.scripts)('$name', async ({ script, lines }) => {
    expect(await linesOf(host.engine.run('busybox', ['sh', '-c', script]))).toEqual(lines)
  })

  test.each(facts.attributes)('with $name', async ({ options, lines }) => {
    const builder = host.engine
      .run('busybox', ['sh', '-c', 'echo hi'])
      .label({ x: '1', r: 'q"<é' })
      .env(['A=1', 'E2=\tb\\b'])
      .logOpt(...options)
    expect(await linesOf(builder)).toEqual(lines)
  })
})

test.each(facts.refusals)(
  "$options is refused in Docker's words",
  async ({ options: [driver = '', ...options], message }) => {
    const builder = host.engine
      .run('busybox', ['true'])
      .logDriver(driver)
      .logOpt(...options)
    await expect(builder.create()).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  },
)
