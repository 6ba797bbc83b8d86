import type { Container } from '../../container/container.js'
import type { StopOptions } from '../../container/stop.js'
import type { Exchange } from '../exchange.js'
import { ApiError, failureOf } from '../failures.js'
import type { Route } from '../route.js'

type Verb = (container: Container, exchange: Exchange) => Promise<void>

/** Verbs that answer with nothing. What has begun is finished, also when its client goes away. */
export const verbRoutes: readonly Route[] = [
  verb('POST', '/stop', stop),
  verb('POST', '/restart', (container, exchange) => container.restart(stopOptions(exchange))),
  verb('POST', '/kill', kill),
  verb('POST', '/pause', (container) => container.pause()),
  verb('POST', '/unpause', (container) => container.unpause()),
  verb('POST', '/rename', rename),
]

function verb(method: Route['method'], path: string, act: Verb): Route {
  return {
    method,
    path: `/containers/:id${path}`,
    async handle(exchange) {
      await act(await exchange.engine.containers.get(exchange.parameter('id')), exchange)
      if (!exchange.response.headersSent) exchange.empty(204)
    },
  }
}

/** Of one that is stopped already, 304. */
async function stop(container: Container, exchange: Exchange): Promise<void> {
  const { State } = await container.inspect()
  if (!State.Running) return exchange.empty(304)
  await container.stop(stopOptions(exchange))
}

/** Seconds that the program has after its stop signal, and that. */
function stopOptions({ query }: Exchange): StopOptions {
  const seconds = query.integer('t')
  const stopSignal = query.text('signal')
  return {
    ...(seconds !== undefined && { timeoutMs: seconds * 1000 }),
    ...(stopSignal !== undefined && { stopSignal }),
  }
}

/** What does not run is called as the client calls it. */
async function kill(container: Container, exchange: Exchange): Promise<void> {
  await container.kill(exchange.query.text('signal') ?? 'SIGKILL').catch((error: unknown) => {
    const { status, message } = failureOf(error)
    throw status === 409
      ? new ApiError(
          status,
          message.replace(container.id, () => exchange.parameter('id')),
        )
      : error
  })
}

async function rename(container: Container, { query }: Exchange): Promise<void> {
  const name = query.text('name')?.replace(/^\//, '')
  if (!name) throw new ApiError(400, 'Neither old nor new names may be empty')
  if (name === container.name) throw new ApiError(400, 'Renaming a container with the same name as its current name')
  await container.rename(name).catch((error: unknown) => {
    const { status, message } = failureOf(error)
    const isOfName = ['NAME_IN_USE', 'INVALID_NAME'].includes((error as { code?: string }).code ?? '')
    throw isOfName ? new ApiError(status, `Error when allocating new name: ${message}`) : error
  })
}
