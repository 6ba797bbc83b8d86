import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import type { Route } from '../route.js'
import { ClientSession } from '../sessions/client-session.js'

/** Sessions of builds: what a client serves its build with. */
export const sessionRoutes: readonly Route[] = [{ method: 'POST', path: '/session', handle: open }]

/** From here on the client answers calls: its credentials, secrets, agents and files are asked for when a build needs them. */
function open(exchange: Exchange): void {
  const id = exchange.header('x-docker-expose-session-uuid')
  if (id === undefined) throw new ApiError(400, 'the session has no id: X-Docker-Expose-Session-Uuid is missing')
  if (exchange.header('upgrade')?.toLowerCase() !== 'h2c') throw new ApiError(400, 'a session is upgraded to h2c')
  const { sessions } = exchange.state
  sessions.verify(id)
  sessions.add(new ClientSession(id, exchange.hijack()))
}
