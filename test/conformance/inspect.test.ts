import { mkdtemp, rm } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, ContainerInspect, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'
import { fieldsOf, fullImage, type InspectCase, inspectCases } from './support/inspect-cases.js'
import { oracleRootfs } from './support/oracle-image.js'

type Fields = Record<string, unknown>

/** What is different on purpose: the field, and why. All others are as Docker has them. */
const differences: readonly (readonly [field: RegExp, why: string])[] = [
  [/^(?:ResolvConfPath|HostnamePath|HostsPath)$/, 'files of a run are in its run directory, and go with it'],
  [/^State\.Error$/, 'says what failed in words of its own; tested elsewhere'],
  [/^Driver$|^GraphDriver\./, 'the driver is called overlay, and its directories are of its own'],
  [/^HostConfig\.NetworkMode$/, "newer daemons say 'bridge' where this one says 'default'; tested elsewhere"],
  [/^HostConfig\.CgroupnsMode$/, 'private, as on cgroup v2'],
  [/^HostConfig\.Runtime$/, 'there is no runc'],
  [/^HostConfig\.MaskedPaths$/, "newer daemons'"],
  [/^NetworkSettings\.Sandbox(?:ID|Key)$/, 'a network namespace lives as long as its processes, and has no file'],
  [/^NetworkSettings\.Networks\.[^.]+\.NetworkID$/, 'known from the start'],
  [/^NetworkSettings\.Networks\.[^.]+\.DNSNames$/, "newer daemons'"],
  [/^NetworkSettings\.(?:Networks\.bridge\.)?IPAddress$/, 'whichever is free; tested elsewhere'],
  [/^Config\.Healthcheck\./, 'tested with health checks'],
]

const facts: Readonly<Record<string, Fields>> = JSON.parse(fact('inspect.json')).facts
const shared = await mkdtemp('/tmp/ib-inspect-')

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine([])
  engine = host.engine
  const rootfs = await buffer(await oracleRootfs())
  await engine.images.import(bytes(rootfs), { reference: 'inspect-plain' })
  await engine.images.import(bytes(rootfs), { reference: 'inspect-full', changes: fullImage })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  await rm(shared, { recursive: true })
})

async function* bytes(content: Buffer) {
  yield content
}

test.each(inspectCases(shared))('inspect tells of $name what Docker tells', async (one) => {
  const container = await one
    .inboard(engine.run(`inspect-${one.image}`, one.command))
    .name(`inspect-${one.name}`)
    .create()
  try {
    await reach[one.state](container)
    expect(compared(await container.inspect())).toEqual(same(facts[one.name] ?? {}))
  } finally {
    await container.remove({ force: true, volumes: true })
  }
})

const reach: Readonly<Record<InspectCase['state'], (container: Container) => Promise<unknown>>> = {
  created: async () => {},
  running: (container) => container.start(),
  paused: (container) => container.start().then(() => container.pause()),
  exited: (container) => container.start().then(() => container.wait()),
  failed: (container) => expect(container.start()).rejects.toThrow(),
}

const compared = (document: ContainerInspect) =>
  same(fieldsOf(document as unknown as Record<string, unknown>, { '<ROOT>': engine.root, '<SHARED>': shared }))

function same(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([path]) => !differences.some(([field]) => field.test(path)))
  return Object.fromEntries(entries.map(([path, value]) => [path, path === 'Mounts' ? byDestination(value) : value]))
}

/** In whichever order. */
function byDestination(mounts: unknown): unknown {
  return [...(mounts as { Destination: string }[])].sort((one, other) => (one.Destination < other.Destination ? -1 : 1))
}
