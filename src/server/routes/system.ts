import type { DiskUsageType } from '../../engine/disk-usage.js'
import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'
import { diskUsageDocument } from '../system/disk-usage.js'
import { infoDocument } from '../system/info.js'
import { versionDocument } from '../system/version.js'

/** What is told of the engine and its host. */
export const systemRoutes: readonly Route[] = [
  { method: 'GET', path: '/_ping', handle: ping },
  { method: 'HEAD', path: '/_ping', handle: ping },
  {
    method: 'GET',
    path: '/version',
    async handle(exchange) {
      exchange.json(200, versionDocument(await exchange.engine.version()))
    },
  },
  { method: 'GET', path: '/system/df', handle: diskUsage },
  {
    method: 'GET',
    path: '/info',
    async handle(exchange) {
      exchange.json(200, infoDocument(await exchange.engine.info()))
    },
  },
]

/** Since then clients say what they want to know of. */
const typesMinor = 42

async function diskUsage(exchange: Exchange): Promise<void> {
  const { engine, minor, query, signal } = exchange
  const asked = minor < typesMinor ? [] : (query.texts('type') as DiskUsageType[])
  const types = asked.length > 0 ? asked : undefined
  const usage = await engine.diskUsage({ signal, ...(types && { types }) })
  exchange.json(200, diskUsageDocument(usage, minor, types))
}

/** Says which builder to use: 1 is the classic one. */
function ping({ request, response }: Exchange): void {
  response.setHeader('Builder-Version', '1')
  response.setHeader('Swarm', 'inactive')
  response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate')
  response.setHeader('Pragma', 'no-cache')
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': 2 })
  response.end(request.method === 'HEAD' ? undefined : 'OK')
}
