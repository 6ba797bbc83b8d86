import type { BuildInput, BuildOptions } from '../../engine/build-options.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import type { ClientSession } from '../sessions/client-session.js'
import type { BuildParameters } from './build-query.js'

/** What a build is made of. */
export interface BuildSource {
  readonly context: BuildInput
  readonly options: Pick<BuildOptions, 'file' | 'dockerfile'>
}

/**
 * Where a build's files come from: the request's body, one that is sent beside it, a session's client, or a URL. Never a path:
 * that would be one of this host.
 *
 * @throws {ApiError} 400 for what is no URL
 */
export async function buildSource(
  exchange: Exchange,
  { remote, id }: BuildParameters,
  session: ClientSession | undefined,
  signal: AbortSignal,
): Promise<BuildSource> {
  const file = dockerfileName(exchange.query.text('dockerfile'))
  const options = { file }
  if (remote === undefined) return { context: bodyOf(exchange), options }
  if (remote === 'upload-request') return { context: await exchange.state.uploads.take(id ?? '', signal), options }
  if (remote === 'client-session') {
    if (!session) throw new ApiError(400, 'the context is of a session, and there is none: give the session')
    const { sessionSource } = await import('./session-source.js')
    return sessionSource(session, file, signal)
  }
  if (/^(https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|git@)/.test(remote)) return { context: remote, options }
  throw new ApiError(400, `remoteURL (${remote}) could not be recognized as URL`)
}

/** A request's body. Left early, it does not take the connection along: the answer is to come. */
export function bodyOf({ request }: Exchange): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false })
}

/** The Dockerfile's name in the context; a leading slash is the context's root. */
function dockerfileName(text: string | undefined): string {
  const name = (text ?? '').replace(/^\/+/, '')
  return name === '' ? 'Dockerfile' : name
}
