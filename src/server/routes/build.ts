import { type BuildParameters, buildParameters } from '../builds/build-query.js'
import { bodyOf, buildSource } from '../builds/build-source.js'
import { classicCacheSources } from '../builds/cache-sources.js'
import { classicBuild } from '../builds/classic-build.js'
import { pruneOptions } from '../builds/prune-options.js'
import { buildCredentials } from '../builds/registry-config.js'
import { tracedBuild } from '../builds/traced-build.js'
import { uploadPrefix } from '../builds/uploads.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import type { Route } from '../route.js'
import { sessionLender } from '../sessions/lender.js'

/** Builds. */
export const buildRoutes: readonly Route[] = [
  { method: 'POST', path: '/build', handle: build },
  { method: 'POST', path: '/build/cancel', handle: cancel },
  { method: 'POST', path: '/build/prune', handle: prune },
]

async function build(exchange: Exchange): Promise<void> {
  const { query, state, signal } = exchange
  const parameters = buildParameters(query)
  const { id } = parameters
  if (id?.startsWith(uploadPrefix)) return upload(exchange, id.slice(uploadPrefix.length))
  using running = state.builds.begin(id)
  try {
    await run(exchange, parameters, AbortSignal.any([signal, running.signal]))
  } finally {
    if (id !== undefined) state.uploads.release(id)
  }
}

async function run(exchange: Exchange, parameters: BuildParameters, signal: AbortSignal): Promise<void> {
  const { engine, state } = exchange
  const session = parameters.session === undefined ? undefined : await state.sessions.get(parameters.session, signal)
  const { context, options } = await buildSource(exchange, parameters, session, signal)
  const isClassic = parameters.version === 1
  const { cacheFrom } = parameters.options
  const builder = engine.build(context, {
    ...parameters.options,
    ...options,
    ...(isClassic && { cacheFrom: await classicCacheSources(engine, cacheFrom) }),
    auth: buildCredentials(exchange, session),
    ...(session && { lender: sessionLender(session) }),
    signal,
  })
  await (isClassic ? classicBuild : tracedBuild)(exchange, builder, parameters)
}

/** Only a context: the build has a request of its own. */
async function upload(exchange: Exchange, build: string): Promise<void> {
  await exchange.state.uploads.offer(build, bodyOf(exchange), exchange.signal)
  exchange.empty(200)
}

/** One that does not run, or no more, is not missed. */
function cancel(exchange: Exchange): void {
  const { query, state } = exchange
  const id = query.text('id')
  if (id === undefined) throw new ApiError(400, 'build ID not provided')
  state.builds.cancel(id)
  exchange.empty(200)
}

async function prune(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const options = pruneOptions(query)
  const pruned = options && (await engine.pruneBuildCache({ ...options, signal }))
  const { deleted = [], spaceReclaimed = 0 } = pruned ?? {}
  exchange.json(200, { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed })
}
