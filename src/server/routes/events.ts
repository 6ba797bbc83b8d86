import { eventFilters, eventLine } from '../events/messages.js'
import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'

/** Events. */
export const eventRoutes: readonly Route[] = [{ method: 'GET', path: '/events', handle: events }]

/** What has happened since a moment, and what happens, until the client leaves. */
async function events(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const since = query.text('since')
  const until = query.text('until')
  const happening = engine.events({
    filters: eventFilters(query.filters()),
    signal,
    ...(since && { since }),
    ...(until && { until }),
  })
  exchange.begin('application/json')
  for await (const event of happening) await exchange.write(eventLine(event))
  exchange.response.end()
}
