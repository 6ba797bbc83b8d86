import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'
import { createExec } from '../streams/exec-create.js'
import { startExec } from '../streams/exec-start.js'
import { terminalSize } from '../streams/terminal-size.js'

/** Processes in containers. */
export const execRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/:id/exec', handle: createExec },
  { method: 'POST', path: '/exec/:id/start', handle: startExec },
  { method: 'POST', path: '/exec/:id/resize', handle: resize },
  { method: 'GET', path: '/exec/:id/json', handle: inspect },
]

async function inspect(exchange: Exchange): Promise<void> {
  const exec = await exchange.engine.containers.getExec(exchange.parameter('id'))
  exchange.json(200, await exec.inspect())
}

async function resize(exchange: Exchange): Promise<void> {
  const exec = await exchange.engine.containers.getExec(exchange.parameter('id'))
  const { rows, columns } = terminalSize(exchange)
  await exec.resize(rows, columns)
  exchange.empty(200)
}
