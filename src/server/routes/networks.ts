import { NotFoundError } from '../../errors/index.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { prunable } from '../filters.js'
import { connectDocument, connectOptions, containerOf, disconnectDocument } from '../networks/connect-options.js'
import { networkDocument, networkOptions } from '../networks/create-options.js'
import { inspectDocument, networkDocumentOf, networkFilters } from '../networks/documents.js'
import type { Route } from '../route.js'

/** Networks. */
export const networkRoutes: readonly Route[] = [
  { method: 'GET', path: '/networks', handle: list },
  { method: 'GET', path: '/networks/:id', handle: inspect },
  { method: 'POST', path: '/networks/create', handle: create },
  { method: 'POST', path: '/networks/prune', handle: prune },
  { method: 'POST', path: '/networks/:id/connect', handle: connect },
  { method: 'POST', path: '/networks/:id/disconnect', handle: disconnect },
  { method: 'DELETE', path: '/networks/:id', handle: remove },
]

/** Since then lists do not say who is on a network. */
const sparseListMinor = 28

async function list(exchange: Exchange): Promise<void> {
  const { engine, minor, query } = exchange
  const networks = await engine.networks.list({ filters: networkFilters(query.filters()) })
  if (minor >= sparseListMinor) return exchange.json(200, networks.map(networkDocumentOf))
  const documents = await Promise.all(networks.map(({ id }) => inspected(exchange, id)))
  exchange.json(200, documents.flat())
}

/** Nothing for a network that has gone since it was listed. */
async function inspected({ engine }: Exchange, id: string) {
  try {
    return [await inspectDocument(await engine.networks.get(id))]
  } catch (error) {
    if (error instanceof NotFoundError) return []
    throw error
  }
}

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange
  const id = exchange.parameter('id')
  const verbose = query.text('verbose')
  if (verbose !== undefined && !/^(1|t|true|0|f|false)$/i.test(verbose))
    throw new ApiError(400, `invalid value for verbose: ${verbose}: give true or false`)
  const scope = query.text('scope')
  if (scope !== undefined && scope !== 'local') throw new ApiError(404, `network ${id} not found`)
  exchange.json(200, await inspectDocument(await engine.networks.get(id)))
}

async function create(exchange: Exchange): Promise<void> {
  const document = await exchange.body(networkDocument)
  const { id } = await exchange.engine.networks.create(document.Name ?? '', networkOptions(document))
  exchange.json(201, { Id: id, Warning: '' })
}

async function connect(exchange: Exchange): Promise<void> {
  const document = await exchange.body(connectDocument)
  const network = await exchange.engine.networks.get(exchange.parameter('id'))
  await network.connect(containerOf(document), connectOptions(document.EndpointConfig))
  exchange.empty(200)
}

async function disconnect(exchange: Exchange): Promise<void> {
  const document = await exchange.body(disconnectDocument)
  const network = await exchange.engine.networks.get(exchange.parameter('id'))
  await network.disconnect(containerOf(document), { force: document.Force ?? false })
  exchange.empty(200)
}

async function remove(exchange: Exchange): Promise<void> {
  await (await exchange.engine.networks.get(exchange.parameter('id'))).remove()
  exchange.empty(204)
}

async function prune(exchange: Exchange): Promise<void> {
  const deleted = await exchange.engine.networks.prune({ filters: prunable(exchange.query.filters()) })
  exchange.json(200, { NetworksDeleted: deleted.length > 0 ? deleted : null })
}
