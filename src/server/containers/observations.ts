import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'

/** What containers do, and what has become of their files. */
export const observationRoutes: readonly Route[] = [
  { method: 'GET', path: '/containers/:id/top', handle: top },
  { method: 'GET', path: '/containers/:id/stats', handle: stats },
  { method: 'GET', path: '/containers/:id/changes', handle: changes },
]

async function top(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const { titles, processes } = await container.top(exchange.query.text('ps_args'))
  exchange.json(200, { Titles: titles, Processes: processes })
}

/** A document a second, until the client leaves or the container is removed; or one. */
async function stats(exchange: Exchange): Promise<void> {
  const { query, signal } = exchange
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  if (!query.flag('stream', true)) {
    const { document } = await container.stats({ oneShot: query.flag('one-shot'), signal })
    return exchange.json(200, document)
  }
  exchange.begin('application/json')
  for await (const { document } of container.stats({ stream: true, signal }))
    await exchange.write(`${JSON.stringify(document)}\n`)
  exchange.response.end()
}

const kinds = { C: 0, A: 1, D: 2 } as const

/** null: nothing has changed. */
async function changes(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const found = await container.diff({ signal: exchange.signal })
  const list = found.map(({ kind, path }) => ({ Path: path, Kind: kinds[kind] }))
  exchange.json(200, list.length > 0 ? list : null)
}
