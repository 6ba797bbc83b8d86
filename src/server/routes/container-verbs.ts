import { archiveRoutes } from '../containers/archive.js'
import { commitContainer } from '../containers/commit.js'
import { createContainer } from '../containers/create.js'
import { inspectDocument } from '../containers/inspect-document.js'
import { listDocument } from '../containers/list-document.js'
import { containerFilters, pruneFilters } from '../containers/list-filters.js'
import { observationRoutes } from '../containers/observations.js'
import { updateContainer } from '../containers/update.js'
import { verbRoutes } from '../containers/verbs.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import type { Route } from '../route.js'

/** Containers: made, listed, inspected, changed, removed; their files. */
export const containerVerbRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/create', handle: createContainer },
  { method: 'GET', path: '/containers/json', handle: list },
  { method: 'GET', path: '/containers/*id/json', handle: inspect },
  { method: 'DELETE', path: '/containers/*id', handle: remove },
  { method: 'POST', path: '/containers/:id/update', handle: updateContainer },
  { method: 'POST', path: '/containers/prune', handle: prune },
  { method: 'POST', path: '/commit', handle: commitContainer },
  ...verbRoutes,
  ...observationRoutes,
  ...archiveRoutes,
]

async function list(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const containers = await engine.containers.list({
    all: query.flag('all'),
    limit: query.integer('limit') ?? -1,
    size: query.flag('size'),
    filters: containerFilters(query.filters()),
    signal,
  })
  exchange.json(200, containers.map(listDocument))
}

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const container = await engine.containers.get(exchange.parameter('id'))
  exchange.json(200, inspectDocument(await container.inspect({ size: query.flag('size'), signal }), exchange.minor))
}

async function remove(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange
  const container = await engine.containers.get(exchange.parameter('id'))
  // The name of a link is one of the container that it leads to, which is to stay.
  if (query.flag('link')) throw new ApiError(400, 'a link cannot be removed: remove the container that has it')
  await container.remove({ force: query.flag('force'), volumes: query.flag('v') })
  exchange.empty(204)
}

async function prune(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const { deleted, spaceReclaimed } = await engine.containers.prune({ filters: pruneFilters(query.filters()), signal })
  exchange.json(200, { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: spaceReclaimed })
}
