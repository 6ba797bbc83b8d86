import type { BuildEvent } from '../build/index.js'
import { reporting } from '../errors/system.js'
import { traced } from '../tracing/index.js'
import type { BuildContexts } from './build.js'
import type { BuildActions, BuildResult } from './build-builder.js'
import type { BuildOutput } from './build-export.js'
import { Image } from './image.js'
import { Operation } from './operation.js'
import type { Keeping } from './unread.js'

/** What a build has left: images by their IDs, or what was written. */
export interface BuildRunResult {
  readonly ids: readonly string[]
  readonly output: BuildOutput | undefined
}

/** Of what happens in a build nothing is dropped but how far a base image is on its way. */
const keepingLogs: Keeping<BuildEvent> = {
  sizeOf(event) {
    if (event.kind === 'log') return event.data.length
    return event.kind === 'pull' ? undefined : 0
  },
  lost: (events, bytes) => ({ kind: 'lost', events, bytes }),
}

/** The builder's verbs. What builds is loaded with the first build. */
export function buildActions(contexts: BuildContexts): BuildActions {
  const { closing } = contexts.context
  const { host } = contexts.stages
  return {
    build: (request) =>
      new Operation<BuildEvent, BuildResult>(
        (report, signal) =>
          reporting('cannot build', async () => {
            const [{ verifyBuild }, { runBuild }] = await Promise.all([
              import('./build-validate.js'),
              import('./build.js'),
            ])
            await verifyBuild(request, host)
            const { tag: tags = [] } = request.options
            const { ids, output } = await traced(
              'inboard:image.build',
              () => ({ tags }),
              async (message) => {
                const built = await runBuild(contexts, request, report, signal)
                if (message) message.images = built.ids
                return built
              },
            )
            return { images: ids.map((id) => new Image(contexts.images, id)), output }
          }),
        [closing, request.options.signal],
        keepingLogs,
      ),
    check: (request) =>
      reporting('cannot check', async () => {
        closing.throwIfAborted()
        const [{ verifyBuild }, { runCheck }] = await Promise.all([import('./build-validate.js'), import('./build.js')])
        await verifyBuild(request, host)
        return runCheck(contexts, request, request.options.signal ?? closing)
      }),
  }
}
