import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import type { Route } from '../route.js'

/** Managed plugins: there are none. Those that run on the host by themselves are used all the same. */
export const pluginRoutes: readonly Route[] = [
  { method: 'GET', path: '/plugins', handle: (exchange) => exchange.json(200, []) },
  { method: 'GET', path: '/plugins/privileges', handle: refuse },
  { method: 'POST', path: '/plugins/pull', handle: refuse },
  { method: 'POST', path: '/plugins/create', handle: refuse },
  { method: 'GET', path: '/plugins/*name/json', handle: miss },
  { method: 'DELETE', path: '/plugins/*name', handle: miss },
  ...['enable', 'disable', 'upgrade', 'push', 'set'].map(
    (verb): Route => ({ method: 'POST', path: `/plugins/*name/${verb}`, handle: miss }),
  ),
]

function refuse(): never {
  throw new ApiError(
    501,
    'inboard installs no plugins: volume plugins that run on the host are found where Docker looks for them',
  )
}

function miss(exchange: Exchange): never {
  throw new ApiError(404, `plugin ${JSON.stringify(exchange.parameter('name'))} not found`)
}
