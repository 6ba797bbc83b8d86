import { tracingChannel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { trace } from '../../src/otel/index.js'
import { type TraceMessages, type TraceName, traceNames } from '../../src/tracing/index.js'
import { contextOf } from '../support/build-context.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { imageLayer } from '../support/images.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'

let place: TestEngine
let registry: ScriptedRegistry
beforeAll(async () => {
  place = await testEngine(['busybox'])
  registry = await ScriptedRegistry.start()
})
afterAll(async () => {
  const leaks = await place.leaks()
  await registry[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

let count = 0

/** An image that the registry has and the engine does not: busybox with one layer more. */
async function pullable(): Promise<string> {
  const name = `test/traced${count++}`
  await registry.addImage(name, { layers: [readFileSync(imageLayer('busybox')), { which: name }] })
  return `${registry.host}/${name}`
}

describe('the channels', () => {
  /** What ends on any channel, until the test is over. */
  function endings(): [TraceName, object][] {
    const told: [TraceName, object][] = []
    for (const name of traceNames) {
      const onEnd = (message: unknown) => void told.push([name, message as object])
      const channel = tracingChannel(name)
      channel.asyncEnd.subscribe(onEnd)
      onTestFinished(() => void channel.asyncEnd.unsubscribe(onEnd))
    }
    return told
  }

  test('are those that are documented, each of which tells something', async () => {
    const { engine } = place
    const reference = await pullable()
    const told = endings()
    await engine.build(contextOf({ Dockerfile: 'FROM busybox\nRUN touch /made' })).tag('traced')
    const network = await engine.networks.create('traced')
    const container = await engine.run(reference, ['sleep', '1000']).network('traced').name('traced')
    await container.exec(['true'])
    await (await container.snapshot()).remove()
    await container.stop({ timeoutMs: 0 })
    await engine.pull(reference)
    await container.remove()
    await network.remove()
    const guide = readFileSync(new URL('../../examples/guide/observability.md', import.meta.url), 'utf8')
    const documented = [...guide.matchAll(/^\| `(inboard:[\w.]+)`/gm)].map(([, name]) => name)
    expect([...new Set(told.map(([name]) => name))].sort()).toEqual(documented.sort())
    expect([...traceNames].sort()).toEqual(documented)
  })

  test('tell in the end what was found', async () => {
    const { engine } = place
    const reference = await pullable()
    const told = endings()
    const container = await engine.run(reference, ['sleep', '1000']).name('told')
    await container.exec(['sh', '-c', 'exit 3'])
    await container.stop({ timeoutMs: 0 })
    await container.remove()
    const last = <Name extends TraceName>(name: Name) =>
      told.findLast((entry) => entry[0] === name)?.[1] as TraceMessages[Name]
    const of = { container: container.id, name: 'told', image: reference }
    const { images } = last('inboard:image.pull')
    expect(images).toEqual([(await engine.images.get(reference)).id])
    expect(last('inboard:image.pull.manifest').digest).toMatch(/^sha256:/)
    expect(last('inboard:layer.extract').sizeBytes).toBeGreaterThan(0)
    expect(last('inboard:container.run')).toMatchObject(of)
    expect(last('inboard:container.create')).toMatchObject(of)
    expect(last('inboard:container.start')).toMatchObject({ ...of, pid: expect.any(Number) })
    expect(last('inboard:container.exec')).toMatchObject({ container: container.id, exitCode: 3 })
    expect(last('inboard:container.stop')).toMatchObject({ ...of, isKilled: true })
    expect(last('inboard:container.remove')).toMatchObject({ container: container.id })
  })

  test('have nobody, and then there is no message', async () => {
    const { engine } = place
    expect(traceNames.filter((name) => tracingChannel(name).hasSubscribers)).toEqual([])
    const { exitCode } = await engine.run('busybox', ['true']).rm().output()
    expect(exitCode).toBe(0)
  })
})

describe('spans', () => {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  afterEach(() => {
    exporter.reset()
    context.disable()
  })

  /** Finished spans, each with the names of those that it is in, outermost first. */
  function paths(): string[] {
    const spans = exporter.getFinishedSpans()
    const pathOf = (span: ReadableSpan): string[] => {
      const parent = spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
      return [...(parent ? pathOf(parent) : []), span.name]
    }
    return spans.map((span) => pathOf(span).join(' > '))
  }

  test('of a run have those of its stages below them, below the one that the program has made', async () => {
    const { engine } = place
    const reference = await pullable()
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    await using _tracing = trace({ tracerProvider })
    await tracerProvider.getTracer('of the program').startActiveSpan('a test', async (span) => {
      const { exitCode } = await engine.run(reference, ['true']).rm().output()
      expect(exitCode).toBe(0)
      span.end()
    })
    const [run, create, pull, start] = [
      'a test > container.run',
      'a test > container.run > container.create',
      'a test > container.run > container.create > image.pull',
      'a test > container.run > container.start',
    ]
    expect([...new Set(paths())].sort()).toEqual(
      [
        'a test',
        run,
        create,
        pull,
        `${pull} > image.pull.manifest`,
        `${pull} > image.pull.config`,
        `${pull} > layer.download`,
        `${pull} > layer.extract`,
        start,
        `${start} > container.start.network`,
        `${start} > container.start.plan`,
        `${start} > container.start.spawn`,
      ].sort(),
    )
  })

  test('of what fails say why', async () => {
    const { engine } = place
    using _tracing = trace({ tracerProvider })
    await expect(engine.run('busybox', ['/no/such/program']).rm()).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    const failed = exporter
      .getFinishedSpans()
      .filter(({ attributes }) => attributes['error.type'] === 'PROGRAM_NOT_FOUND')
    expect(failed.map(({ name }) => name)).toEqual(['container.start.spawn', 'container.start', 'container.run'])
  })

  test('of two builds at once are apart', async () => {
    const { engine } = place
    using _tracing = trace({ tracerProvider })
    const build = (word: string) => engine.build(contextOf({ Dockerfile: `FROM busybox\nRUN echo ${word} >/word` }))
    await Promise.all([build('one'), build('other')])
    const spans = exporter.getFinishedSpans()
    const builds = spans.filter(({ name }) => name === 'image.build')
    const steps = spans.filter(({ name }) => name === 'image.build.step')
    expect(steps.map((span) => span.parentSpanContext?.spanId).sort()).toEqual(
      builds.map((span) => span.spanContext().spanId).sort(),
    )
  })
})
