import { tracingChannel } from 'node:diagnostics_channel'
import { setImmediate } from 'node:timers/promises'
import { trace as api, context, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, test } from 'vitest'
import { ConflictError } from '../errors/index.js'
import { traced } from '../tracing/index.js'
import { trace } from './index.js'

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = tracerProvider.getTracer('of the test')
const container = { container: 'its id', name: 'web', image: 'nginx' }

afterEach(() => {
  exporter.reset()
  context.disable()
})

const start = () =>
  traced(
    'inboard:container.start',
    () => ({ ...container }),
    async (message) => {
      await traced(
        'inboard:container.start.network',
        () => ({ ...container }),
        () => setImmediate(undefined),
      )
      await traced(
        'inboard:container.start.spawn',
        () => ({ ...container }),
        () => setImmediate(undefined),
      )
      if (message) message.pid = 42
    },
  )

/** Finished spans, each with the names of those that it is in, outermost first. */
function paths(): string[] {
  const spans = exporter.getFinishedSpans()
  const pathOf = (span: ReadableSpan): string[] => {
    const parent = spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
    return [...(parent ? pathOf(parent) : []), span.name]
  }
  return spans.map((span) => pathOf(span).join(' > '))
}

const useContextManager = () => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

describe.each([
  ['with a context manager', useContextManager],
  ['without a context manager', () => {}],
])('%s', (_, prepare) => {
  test('stages are children of the work they are of, also when there is much at once', async () => {
    prepare()
    using _tracing = trace({ tracerProvider })
    await Promise.all([start(), start()])
    const stages = ['container.start > container.start.network', 'container.start > container.start.spawn']
    expect(paths().sort()).toEqual(['container.start', 'container.start', ...stages, ...stages].sort())
    expect(new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(2)
  })
})

test('the span that is active where a method is called is the parent; what is made meanwhile is below', async () => {
  useContextManager()
  using _tracing = trace({ tracer })
  await tracer.startActiveSpan('of the program', async (span) => {
    await traced(
      'inboard:image.pull.manifest',
      () => ({ reference: 'redis:7' }),
      async () => {
        await setImmediate()
        tracer.startSpan('a request').end()
      },
    )
    span.end()
  })
  expect(paths()).toEqual([
    'of the program > image.pull.manifest > a request',
    'of the program > image.pull.manifest',
    'of the program',
  ])
})

test('attributes are those of the semantic conventions, also what is known only in the end', async () => {
  using _tracing = trace({ tracer })
  await start()
  expect(exporter.getFinishedSpans().at(-1)?.attributes).toEqual({
    'container.runtime.name': 'inboard',
    'container.id': 'its id',
    'container.name': 'web',
    'container.image.name': 'nginx',
    'process.pid': 42,
  })
})

test('of a program its arguments are not told', async () => {
  using _tracing = trace({ tracer })
  const command = ['psql', '--password=secret']
  await traced(
    'inboard:container.exec',
    () => ({ container: 'its id', exec: 'x', command }),
    async () => {},
  )
  const [span] = exporter.getFinishedSpans()
  expect(span?.attributes).toMatchObject({ 'process.command': 'psql', 'inboard.exec.id': 'x' })
  expect(JSON.stringify(span?.attributes)).not.toContain('secret')
})

test('an error is recorded with its code', async () => {
  using _tracing = trace({ tracer })
  const error = new ConflictError('the name is in use', { code: 'NAME_IN_USE' })
  const failing = traced(
    'inboard:container.create',
    () => ({ image: 'nginx' }),
    async () => Promise.reject(error),
  )
  await expect(failing).rejects.toBe(error)
  const [span] = exporter.getFinishedSpans()
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'the name is in use' })
  expect(span?.attributes).toMatchObject({ 'container.image.name': 'nginx', 'error.type': 'NAME_IN_USE' })
  expect(span?.events.map(({ name }) => name)).toEqual(['exception'])
})

test('disabled, what was begun ends, nothing is begun, and nobody subscribes any more', async () => {
  const channel = tracingChannel('inboard:container.start')
  const tracing = trace({ tracer })
  const other = trace({ tracerProvider })
  other.disable()
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  const work = traced(
    'inboard:container.start',
    () => ({ ...container }),
    () => promise,
  )
  tracing.disable()
  tracing.disable()
  await start()
  expect(paths()).toEqual([])
  resolve()
  await work
  expect(paths()).toEqual(['container.start'])
  expect(channel.hasSubscribers).toBe(false)
})

test('by default spans are those of the provider that is registered with the API, also later', async () => {
  using _tracing = trace()
  api.setGlobalTracerProvider(tracerProvider)
  try {
    await start()
    expect(paths()).toHaveLength(3)
    expect(exporter.getFinishedSpans()[0]?.instrumentationScope.name).toBe('inboard')
  } finally {
    api.disable()
  }
})
