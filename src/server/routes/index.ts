import type { Route } from '../route.js'
import { buildRoutes } from './build.js'
import { checkpointRoutes } from './checkpoints.js'
import { containerStreamRoutes } from './container-streams.js'
import { containerVerbRoutes } from './container-verbs.js'
import { eventRoutes } from './events.js'
import { execRoutes } from './execs.js'
import { imageRoutes } from './images.js'
import { networkRoutes } from './networks.js'
import { pluginRoutes } from './plugins.js'
import { registryRoutes } from './registry.js'
import { sessionRoutes } from './sessions.js'
import { swarmRoutes } from './swarm.js'
import { systemRoutes } from './system.js'
import { volumeRoutes } from './volumes.js'

/** Every endpoint of the API. */
export const routes: readonly Route[] = [
  ...buildRoutes,
  ...checkpointRoutes,
  ...containerStreamRoutes,
  ...containerVerbRoutes,
  ...eventRoutes,
  ...execRoutes,
  ...imageRoutes,
  ...networkRoutes,
  ...pluginRoutes,
  ...registryRoutes,
  ...sessionRoutes,
  ...swarmRoutes,
  ...systemRoutes,
  ...volumeRoutes,
]
