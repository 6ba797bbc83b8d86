import type { BuildBuilder } from '../../engine/build-builder.js'
import type { Image } from '../../engine/image.js'
import type { Exchange } from '../exchange.js'
import { failureOf } from '../failures.js'
import type { BuildParameters } from './build-query.js'
import { Trace } from './trace.js'

/** Builds, and answers as BuildKit does: with messages of what happens, then with the image's ID. */
export async function tracedBuild(
  exchange: Exchange,
  build: BuildBuilder<Image>,
  { isQuiet, id, session }: BuildParameters,
): Promise<void> {
  const lines = exchange.lines()
  const trace = new Trace(id ?? session ?? '')
  const tell = async (message: Buffer | undefined) => {
    if (message && !isQuiet) await lines.write({ id: 'moby.buildkit.trace', aux: message.toString('base64') })
  }
  try {
    for await (const event of build) await tell(trace.of(event))
    const { id: image } = await build
    await lines.write({ id: 'moby.image.id', aux: { ID: image } })
  } catch (error) {
    exchange.signal.throwIfAborted()
    const { message } = failureOf(error)
    await tell(trace.failure(message))
    await lines.write({ errorDetail: { message }, error: message })
  }
  lines.end()
}
