import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'
import { attachConnection } from '../streams/attach.js'
import { sendLogs } from '../streams/logs.js'
import { startContainer } from '../streams/start.js'
import { terminalSize } from '../streams/terminal-size.js'
import { waitForContainer } from '../streams/wait.js'
import { attachWebSocket } from '../streams/websocket.js'

/** Containers: started, attached to, waited for; their logs. */
export const containerStreamRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/:id/start', handle: startContainer },
  { method: 'POST', path: '/containers/:id/attach', handle: attachConnection },
  { method: 'GET', path: '/containers/:id/attach/ws', handle: attachWebSocket },
  { method: 'POST', path: '/containers/:id/wait', handle: waitForContainer },
  { method: 'GET', path: '/containers/:id/logs', handle: sendLogs },
  { method: 'POST', path: '/containers/:id/resize', handle: resize },
]

async function resize(exchange: Exchange): Promise<void> {
  const { engine } = exchange
  const container = await engine.containers.get(exchange.parameter('id'))
  const { rows, columns } = terminalSize(exchange)
  await container.resize(rows, columns)
  exchange.empty(200)
}
