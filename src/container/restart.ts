import { type ContainerContext, detachedStreams } from './context.js'
import { type Present, presentFor } from './present.js'
import { start } from './start.js'
import { isAlive } from './states.js'
import { end, type StopOptions } from './stop.js'

/** Stops it, if it runs, and starts it. */
export async function restart(context: ContainerContext, id: string, options: StopOptions): Promise<void> {
  const now = (await presentFor(context, id, 'restart', options.signal)) as Present
  if (isAlive(now.status)) await end(context, now, options)
  options.signal?.throwIfAborted()
  await start(context, id, detachedStreams)
  context.tell(now.record, 'restart')
}
