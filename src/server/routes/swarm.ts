import { ApiError } from '../failures.js'
import { noManager } from '../no-swarm.js'
import type { Route } from '../route.js'

/** What belongs to swarms. This is no node of one: whatever is asked of a manager is answered so, as Docker does. */
const managers: readonly (readonly [Route['method'], string])[] = [
  ['GET', '/swarm'],
  ['GET', '/swarm/unlockkey'],
  ['POST', '/swarm/unlock'],
  ['POST', '/swarm/update'],
  ...['nodes', 'services', 'secrets', 'configs'].flatMap((kind) => [
    ['GET', `/${kind}`] as const,
    ['GET', `/${kind}/:id`] as const,
    ['DELETE', `/${kind}/:id`] as const,
    ['POST', `/${kind}/:id/update`] as const,
  ]),
  ...['services', 'secrets', 'configs'].map((kind) => ['POST', `/${kind}/create`] as const),
  ['GET', '/services/:id/logs'],
  ['GET', '/tasks'],
  ['GET', '/tasks/:id'],
  ['GET', '/tasks/:id/logs'],
  // Volumes of clusters are all that can be changed.
  ['PUT', '/volumes/:name'],
]

const refusing = (status: number, message: string) => () => {
  throw new ApiError(status, message)
}

/** Swarms: this is no node of one. */
export const swarmRoutes: readonly Route[] = [
  ...managers.map(([method, path]): Route => ({ method, path, handle: refusing(503, noManager) })),
  { method: 'POST', path: '/swarm/leave', handle: refusing(503, 'This node is not part of a swarm') },
  ...['init', 'join'].map(
    (verb): Route => ({
      method: 'POST',
      path: `/swarm/${verb}`,
      handle: refusing(501, 'inboard runs containers on this machine only: it can be no node of a swarm'),
    }),
  ),
]
