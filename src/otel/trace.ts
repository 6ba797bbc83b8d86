import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import {
  trace as api,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'
import { type TraceMessages, type TraceName, traceNames } from '../tracing/index.js'
import { attributesOf, attributesOfError } from './attributes.js'

/** Options of {@link trace}. */
export interface TraceOptions {
  /** What makes the spans. Default: that of `tracerProvider`, named `inboard`. */
  readonly tracer?: Tracer
  /** Default: the one that is registered with the API, now or later. */
  readonly tracerProvider?: TracerProvider
}

/** Spans are made, until this is disposed of. */
export interface Tracing extends Disposable, AsyncDisposable {
  /** Makes no more spans; those that were begun end with what they are of. Twice is as good as once. */
  disable(): void
}

/**
 * Makes a span of each piece of work of this process's engines: pulls, builds, runs, starts, execs, stops, removals, and their
 * stages, the names of which are those of {@link TraceMessages} without `inboard:`. A span is the child of the work it is done for:
 * of a stage's whole, or of the span that is active where a method is called. Attributes follow the semantic conventions
 * (`container.id`, `container.name`, `container.image.name`, `process.pid`, ...); what they have no name for begins with `inboard.`.
 * Arguments of programs are not among them: they may hold secrets. Errors are recorded, with their code as `error.type`.
 *
 * What else is traced on the way, such as requests to a registry, comes below these spans when a context manager is registered, as
 * the SDK for Node does.
 *
 * @example
 * ```ts
 * import { Engine } from 'inboard'
 * import { trace } from 'inboard/otel'
 *
 * using _tracing = trace()
 * await using engine = await Engine.open()
 * await engine.run('redis:7', [], { rm: true })
 * ```
 *
 * @see https://opentelemetry.io/docs/specs/semconv/resource/container/
 */
export function trace({ tracerProvider, tracer }: TraceOptions = {}): Tracing {
  const used = tracer ?? (tracerProvider ?? api).getTracer('inboard')
  const active = new ActiveContext()
  const undo = traceNames.map((name) => traceChannel(used, active, name))
  const disable = () => {
    for (const action of undo.splice(0)) action()
  }
  return { disable, [Symbol.dispose]: disable, [Symbol.asyncDispose]: async () => disable() }
}

/** The context that work is done in: a store of ours, and the active one of the API, for whatever else makes spans. */
class ActiveContext extends AsyncLocalStorage<Context> {
  override run<Result, Args extends unknown[]>(
    active: Context,
    body: (...args: Args) => Result,
    ...args: Args
  ): Result {
    return super.run(active, () => context.with(active, () => body(...args)))
  }

  /** What a span that is begun now is a child of. */
  get parent(): Context {
    const current = context.active()
    // Without a context manager nothing is ever active by the API.
    return current === ROOT_CONTEXT ? (this.getStore() ?? current) : current
  }
}

/** @returns what ends it */
function traceChannel<Name extends TraceName>(tracer: Tracer, active: ActiveContext, name: Name): () => void {
  type Message = TraceMessages[Name]
  const channel = tracingChannel<Context, Message>(name)
  const open = new Map<Message, Span>()
  let isOver = false
  const begin = (message: Message) => {
    const { parent } = active
    const span = tracer.startSpan(name.slice('inboard:'.length), { attributes: attributesOf(name, message) }, parent)
    open.set(message, span)
    return api.setSpan(parent, span)
  }
  const leave = () => {
    if (isOver && open.size === 0) channel.unsubscribe(listeners)
  }
  const listeners = {
    start: ignore,
    end: ignore,
    asyncStart: ignore,
    asyncEnd: (message: Message) => {
      open.get(message)?.setAttributes(attributesOf(name, message)).end()
      open.delete(message)
      leave()
    },
    error: (message: Message & { error: unknown }) => {
      const span = open.get(message)
      span?.recordException(message.error as Error)
      span?.setAttributes(attributesOfError(message.error))
      span?.setStatus({ code: SpanStatusCode.ERROR, message: String((message.error as Error)?.message) })
    },
  }
  channel.start.bindStore(active, begin)
  channel.subscribe(listeners)
  return () => {
    channel.start.unbindStore(active)
    isOver = true
    leave()
  }
}

function ignore(): void {}
