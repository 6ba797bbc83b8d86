import type { Engine } from '../../engine/engine.js'
import { LaunchError } from '../../errors/index.js'
import type { Exchange } from '../exchange.js'
import { ApiError, failureOf } from '../failures.js'
import { removalTold } from './wait.js'

/** Starts a container: 204, or 304 when it runs. What was begun is finished, also when the client goes. */
export async function startContainer(exchange: Exchange): Promise<void> {
  const { engine, request } = exchange
  if (Number(request.headers['content-length'] ?? 0) > emptyDocument)
    throw new ApiError(
      400,
      'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    )
  const container = await engine.containers.get(exchange.parameter('id'))
  const isStarted = await container.start().catch(async (error: unknown) => {
    await removalBefore(engine, container.id)
    throw launchFailure(error, 'create')
  })
  exchange.empty(isStarted ? 204 : 304)
}

/** Bytes of what some clients send for nothing: `null`, `{}`. */
const emptyDocument = 7

/** The client that hears of the failure does not listen any more for what has become of a container that removes itself. */
async function removalBefore(engine: Engine, id: string): Promise<void> {
  const isThere = await engine.containers.get(id).then(
    () => true,
    () => false,
  )
  if (!isThere) await removalTold(engine, id)
}

/** Docker's client knows by these words which exit code its own is: 127, 126, or 125. */
export function launchFailure(error: unknown, verb: 'create' | 'exec'): unknown {
  if (!(error instanceof LaunchError)) return error
  const { status, message } = failureOf(error)
  const what =
    verb === 'create' ? 'unable to start container process' : 'exec failed: unable to start container process'
  // What Docker's says comes first; what it does not say follows that.
  const [, words, hint] = /^(exec: ".*?": [^:]+): (.*)$/s.exec(message) ?? []
  const why = words === undefined ? `${message}: unknown` : `${words}: unknown: ${hint}`
  return new ApiError(status, `OCI runtime ${verb} failed: ${what}: ${why}`)
}
