import type { BuildEvent } from '../build/index.js'
import { reporting } from '../errors/system.js'
import type { BuildContexts } from './build.js'
import type { BuildActions, BuildResult } from './build-builder.js'
import type { BuildOutput } from './build-export.js'
import { Image } from './image.js'
import { Operation } from './operation.js'

/** What a build has left: images by their IDs, or what was written. */
export interface BuildRunResult {
  readonly ids: readonly string[]
  readonly output: BuildOutput | undefined
}

/** The builder's verbs. What builds is loaded with the first build. */
export function buildActions(contexts: BuildContexts): BuildActions {
  const { closing } = contexts.context
  return {
    build: (request) =>
      new Operation<BuildEvent, BuildResult>(
        (report, signal) =>
          reporting('cannot build', async () => {
            const { runBuild } = await import('./build.js')
            const { ids, output } = await runBuild(contexts, request, report, signal)
            return { images: ids.map((id) => new Image(contexts.images, id)), output }
          }),
        [closing, request.options.signal],
      ),
    check: (request) =>
      reporting('cannot check', async () => {
        closing.throwIfAborted()
        const { runCheck } = await import('./build.js')
        return runCheck(contexts, request, request.options.signal ?? closing)
      }),
  }
}
