import { ApiError } from '../failures.js'
import type { Route } from '../route.js'

/** Checkpoints, which Docker has only where experiments are allowed: they are not here. */
export const checkpointRoutes: readonly Route[] = (
  [
    ['GET', '/containers/:id/checkpoints'],
    ['POST', '/containers/:id/checkpoints'],
    ['DELETE', '/containers/:id/checkpoints/:checkpoint'],
  ] as const
).map(([method, path]) => ({ method, path, handle: refuse }))

function refuse(): never {
  throw new ApiError(
    501,
    'This experimental feature is disabled by default: inboard makes no checkpoints of containers',
  )
}
