import { once } from 'node:events'
import { readdir, readlink } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi
/** Nanoseconds: before anything has happened that a test tells of. */
let beginning: bigint

beforeAll(async () => {
  api = await testApi()
  beginning = BigInt(Date.now()) * 1_000_000n
})

afterAll(() => api[Symbol.asyncDispose]())

const seconds = (ns: bigint) => `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`
const filtered = (document: unknown) => `filters=${encodeURIComponent(JSON.stringify(document))}`

/** What an answer that ends tells. */
async function told(query: string) {
  const { status, text, document } = await api.request('GET', `/events?${query}`)
  if (status !== 200) return { status, document }
  return {
    status,
    events: text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  }
}

/** Begins to follow; resolves once the head of the answer is there. */
async function follow(query: string): Promise<IncomingMessage> {
  const request = httpRequest({ socketPath: api.socket, path: `/events?${query}`, agent: false }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return response
}

const past = () => `since=${seconds(beginning)}&until=${seconds(BigInt(Date.now()) * 1_000_000n + 999_999n)}`

describe('events of the past', () => {
  beforeAll(async () => {
    await api.engine.volumes.create('told')
    await api.engine.run('busybox', ['true']).name('short').label({ a: 'b' })
    await (await api.engine.containers.get('short')).wait()
  })

  test("are told in Docker's fields, and end", async () => {
    const { events } = await told(past())
    expect(events?.map(({ Type, Action }) => `${Type} ${Action}`)).toEqual([
      'volume create',
      'container create',
      'network connect',
      'container start',
      'container die',
      'network disconnect',
    ])
    const id = expect.stringMatching(/^[0-9a-f]{64}$/)
    expect(events?.at(4)).toEqual({
      status: 'die',
      id,
      from: 'busybox',
      Type: 'container',
      Action: 'die',
      Actor: { ID: id, Attributes: { a: 'b', exitCode: '0', image: 'busybox', name: 'short' } },
      scope: 'local',
      time: expect.any(Number),
      timeNano: expect.any(Number),
    })
    expect(events?.[0]).not.toHaveProperty('status')
  })

  test('have all of their nanoseconds', async () => {
    const { text } = await api.request('GET', `/events?${past()}`)
    const written = [...text.matchAll(/"timeNano":(\d+)\}/g)].map(([, ns]) => BigInt(ns as string))
    const known: bigint[] = []
    const until = new Date()
    for await (const { timeNano } of api.engine.events({ until })) if (timeNano >= beginning) known.push(timeNano)
    expect(written).toEqual(known.slice(0, written.length))
    expect(written.length).toBeGreaterThan(5)
  })

  test('begin with the nanosecond that is asked for', async () => {
    const { events } = await told(past())
    const { text } = await api.request('GET', `/events?${past()}`)
    const [, ns = ''] = /"Action":"die".*"timeNano":(\d+)\}/.exec(text) ?? []
    const from = await told(`since=${seconds(BigInt(ns))}&until=${seconds(BigInt(Date.now()) * 1_000_000n)}`)
    expect(from.events?.[0]).toEqual(events?.[4])
    const after = await told(`since=${seconds(BigInt(ns) + 1n)}&until=${seconds(BigInt(Date.now()) * 1_000_000n)}`)
    expect(after.events?.[0]).toEqual(events?.[5])
  })

  test('of the last while', async () => {
    const { events } = await told('since=10m&until=0s&filters={"type":["volume"]}')
    expect(events).toMatchObject([{ Action: 'create', Actor: { ID: 'told', Attributes: { driver: 'local' } } }])
  })

  test.each([
    [{ type: ['volume'] }, 1],
    [{ container: { short: true } }, 3],
    [{ event: ['die', 'start'] }, 2],
    [{ label: ['a=b'] }, 3],
    [{ image: ['busybox'] }, 3],
    [{ volume: ['told'] }, 1],
    [{ type: ['network'], event: { connect: true } }, 1],
    [{ scope: ['swarm'] }, 0],
    [{ service: ['x'] }, 0],
    [{ plugin: ['x'] }, 0],
    [{ nosuch: ['x'] }, 6],
    [{ type: [] }, 6],
  ])('that fit %j', async (wanted, count) => {
    expect((await told(`${past()}&${filtered(wanted)}`)).events).toHaveLength(count)
  })

  test.each([
    ['since=yesterday', 'yesterday'],
    ['since=10&until=5', '`since` time (10) cannot be after `until` time (5)'],
    ['filters=7', 'invalid filter'],
  ])('are not told for %s', async (query, message) => {
    expect(await told(query)).toMatchObject({ status: 400, document: { message: expect.stringContaining(message) } })
  })
})

describe('followers', () => {
  test('have the head of the answer before anything happens, and then what happens', async () => {
    const response = await follow(filtered({ volume: ['fresh'] }))
    expect(response.headers['content-type']).toBe('application/json')
    await api.engine.volumes.create('fresh')
    const [line] = (await once(createInterface(response), 'line')) as [string]
    expect(JSON.parse(line)).toMatchObject({ Action: 'create', Actor: { ID: 'fresh' } })
    response.destroy()
  })

  test('are let go at the time they wanted to stop at', async () => {
    const { events } = await told(`until=-1s&${filtered({ type: ['plugin'] })}`)
    expect(events).toEqual([])
  })

  test('that do not read keep nobody waiting, and miss nothing', async () => {
    const responses = await Promise.all(Array.from({ length: 100 }, () => follow(filtered({ volume: ['many'] }))))
    const reading = responses.slice(0, 50)
    // 100 events of 20 kB are more than sockets keep.
    const labels = { long: 'x'.repeat(20_000) }
    const read = reading.map((response) => lines(response, 100))
    for (let index = 0; index < 50; index++) {
      const volume = await api.engine.volumes.create(`many-${index}`, { labels })
      await volume.remove()
    }
    await Promise.all(read)
    expect(await Promise.all(responses.slice(50).map((response) => lines(response, 100)))).toHaveLength(50)
    for (const response of responses) response.destroy()
  })

  test('that are gone leave nothing open', async () => {
    const responses = await Promise.all(Array.from({ length: 20 }, () => follow('since=1h')))
    expect(await openJournals()).toBeGreaterThanOrEqual(20)
    for (const response of responses) response.destroy()
    // One is what the engine itself writes to.
    await expect.poll(openJournals).toBeLessThanOrEqual(1)
  })
})

/** Descriptors of this process that read or write the journal. */
async function openJournals(): Promise<number> {
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.endsWith('/events.jsonl')).length
}

/** Resolves with so many lines. */
async function lines(response: IncomingMessage, count: number): Promise<readonly string[]> {
  const found: string[] = []
  const reader = createInterface(response)
  await new Promise<void>((resolve) => {
    reader.on('line', (line) => {
      if (found.push(line) === count) resolve()
    })
  })
  return found
}

test.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s prints them', async (docker) => {
  await api.engine.networks.create('seen')
  const args = [
    'events',
    '--since',
    '1m',
    '--until',
    '-1s',
    '--filter',
    'network=seen',
    '--format',
    '{{.Type}} {{.Action}}',
  ]
  const { code, stdout } = await command(docker, args, { env: api.env })
  expect({ code, stdout: stdout.split('\n')[0] }).toEqual({ code: 0, stdout: 'network create' })
  await (await api.engine.networks.get('seen')).remove()
})
