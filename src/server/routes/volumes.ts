import { given, unlessEmpty } from '../containers/schemas.js'
import type { Exchange } from '../exchange.js'
import { prunable, truthOf } from '../filters.js'
import type { Route } from '../route.js'
import { volumeDocument, volumeDocumentOf, volumeFilters } from '../volumes/documents.js'

/** Volumes. */
export const volumeRoutes: readonly Route[] = [
  { method: 'GET', path: '/volumes', handle: list },
  { method: 'GET', path: '/volumes/:name', handle: inspect },
  { method: 'POST', path: '/volumes/create', handle: create },
  { method: 'POST', path: '/volumes/prune', handle: prune },
  { method: 'DELETE', path: '/volumes/:name', handle: remove },
]

async function list(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const volumes = await engine.volumes.list({ filters: volumeFilters(query.filters()), signal })
  const warnings = volumes.warnings.map(({ message }) => message)
  exchange.json(200, { Volumes: volumes.map(volumeDocumentOf), Warnings: warnings.length > 0 ? warnings : null })
}

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, signal } = exchange
  const volume = await engine.volumes.get(exchange.parameter('name'), { signal })
  exchange.json(200, await volume.inspect({ signal }))
}

async function create(exchange: Exchange): Promise<void> {
  const document = await exchange.body(volumeDocument)
  const options = given({
    driver: unlessEmpty(document.Driver),
    driverOptions: document.DriverOpts,
    labels: document.Labels,
  })
  const volume = await exchange.engine.volumes.create(unlessEmpty(document.Name), options)
  exchange.json(201, await volume.inspect())
}

async function remove(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange
  const force = query.flag('force')
  const name = exchange.parameter('name')
  await engine.volumes.get(name).then(
    (volume) => volume.remove({ force }),
    (error: unknown) => {
      if (!force || (error as { code?: string }).code !== 'VOLUME_NOT_FOUND') throw error
    },
  )
  exchange.empty(204)
}

/** Since then volumes that have names are pruned only for who says so. */
const anonymousOnlyMinor = 42

async function prune(exchange: Exchange): Promise<void> {
  const { engine, minor, query } = exchange
  const { all: _, ...filters } = query.filters()
  const all = minor < anonymousOnlyMinor || (truthOf(query.filters(), 'all') ?? false)
  const { deleted, spaceReclaimed } = await engine.volumes.prune({ all, filters: prunable(filters) })
  exchange.json(200, { VolumesDeleted: deleted, SpaceReclaimed: spaceReclaimed })
}
