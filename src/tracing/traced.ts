import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { TraceMessages, TraceName } from './messages.js'

const named: Readonly<Record<TraceName, true>> = {
  'inboard:image.pull': true,
  'inboard:image.pull.resolve': true,
  'inboard:image.pull.manifest': true,
  'inboard:image.pull.config': true,
  'inboard:layer.download': true,
  'inboard:layer.extract': true,
  'inboard:image.build': true,
  'inboard:image.build.step': true,
  'inboard:container.run': true,
  'inboard:container.create': true,
  'inboard:container.start': true,
  'inboard:container.start.network': true,
  'inboard:container.start.plan': true,
  'inboard:container.start.spawn': true,
  'inboard:container.exec': true,
  'inboard:container.exec.start': true,
  'inboard:container.stop': true,
  'inboard:container.snapshot': true,
  'inboard:container.remove': true,
  'inboard:network.create': true,
  'inboard:network.remove': true,
}

/** All there are. */
export const traceNames = Object.keys(named) as readonly TraceName[]

/** Those that were asked for. Node forgets channels that nobody has. */
const channels = new Map<TraceName, TracingChannel<unknown, object>>()

function channelOf(name: TraceName): TracingChannel<unknown, object> {
  const known = channels.get(name)
  if (known) return known
  const made = tracingChannel<unknown, object>(name)
  channels.set(name, made)
  return made
}

/**
 * Does a piece of work, and tells whoever subscribes to its channel.
 *
 * @param describe makes the message, for subscribers alone
 * @param body gets the message, if there is one, to set in it what is known later
 */
export function traced<Name extends TraceName, Result>(
  name: Name,
  describe: () => TraceMessages[Name],
  body: (message?: TraceMessages[Name]) => Promise<Result>,
): Promise<Result> {
  const channel = channelOf(name)
  return channel.hasSubscribers ? told(channel, describe(), body) : body()
}

/** What the work gives is the engine's own: the message has no `result` of it. */
async function told<Message extends object, Result>(
  channel: TracingChannel<unknown, object>,
  message: Message,
  body: (message: Message) => Promise<Result>,
): Promise<Result> {
  let result: { readonly value: Result } | undefined
  await channel.tracePromise(async () => {
    result = { value: await body(message) }
  }, message)
  return (result as { readonly value: Result }).value
}
