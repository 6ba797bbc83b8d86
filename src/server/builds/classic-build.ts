import type { BuildBuilder } from '../../engine/build-builder.js'
import type { Image } from '../../engine/image.js'
import type { Exchange } from '../exchange.js'
import { buildFailure, refusal } from './build-failure.js'
import type { BuildParameters } from './build-query.js'
import { HeldOutput } from './held-output.js'
import { Transcript, type WriteDocument } from './transcript.js'

/** Builds, and answers as the classic builder does: with its transcript, or quietly with the image's ID. */
export async function classicBuild(
  exchange: Exchange,
  build: BuildBuilder<Image>,
  { isQuiet, options }: BuildParameters,
): Promise<void> {
  const lines = exchange.lines()
  const write: WriteDocument = (document) => lines.write(document)
  // What is told of a build that fails, all the same.
  const kept = new HeldOutput({ total: 0 })
  const quietly: WriteDocument = async (document) => kept.add(document, JSON.stringify(document).length)
  const transcript = new Transcript(isQuiet ? quietly : write, options.label)
  try {
    for await (const event of build) await transcript.add(event)
    const { id } = await build
    await transcript.finish(id, (options.tag ?? []).map(familiar))
    if (isQuiet) await write({ stream: `${id}\n` })
    lines.end()
  } catch (error) {
    exchange.signal.throwIfAborted()
    const { code, message } = buildFailure(error)
    await transcript.end(lineOf(error))
    for (const document of kept.take()) await write(document)
    if (!lines.hasBegun) throw refusal(error, build.toRequest().options.file ?? '')
    await write({ errorDetail: { ...(code !== undefined && { code }), message }, error: message })
    lines.end()
  }
}

function lineOf(error: unknown): number | undefined {
  const { line } = (error as { details?: { line?: unknown } }).details ?? {}
  return typeof line === 'number' ? line : undefined
}

/** A name as users write it. */
function familiar(name: string): string {
  const short = name.replace(/^(docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '')
  return /:[^/]*$/.test(short) ? short : `${short}:latest`
}
