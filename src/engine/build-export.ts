import { writeFile } from 'node:fs/promises'
import type { BuildEvent } from '../build/index.js'
import type { Digest } from '../content/digest.js'
import { reporting } from '../errors/system.js'
import type { BuildRunResult } from './build-actions.js'
import { builtImage } from './build-document.js'
import { type OutputRequest, writeOutput } from './build-outputs.js'
import { hostPlatformName } from './build-platforms.js'
import type { ImagesContext } from './image.js'

export type { BuildOutput } from './build-outputs.js'

/** What is to be made of what was built. */
export interface ExportRequest extends OutputRequest {
  report(event: BuildEvent): void
}

/** Records what was built, or writes it where it is wanted. */
export async function exportBuild(
  { images }: { readonly images: ImagesContext },
  request: ExportRequest,
): Promise<BuildRunResult> {
  const { options, report } = request
  const { output } = options
  const what = output?.type ?? 'image'
  report({ kind: 'export', what, status: 'started' })
  const result = output ? await writeOutput(images.store, output, request) : undefined
  const ids = result?.ids ?? (await recordImages(images, request))
  const { iidfile } = options
  if (iidfile !== undefined)
    await reporting(`cannot write the image's ID to ${iidfile}`, () => writeFile(iidfile, ids.join('\n')))
  report({ kind: 'export', what, status: 'done' })
  return result ? { ids: [], output: result.output } : { ids, output: undefined }
}

/** A name can only stand for one image: of several platforms for that of this host, else for the first. */
async function recordImages({ store }: ImagesContext, request: OutputRequest): Promise<Digest[]> {
  const { solved, options, signal } = request
  const host = solved.findIndex(({ platform }) => platform === hostPlatformName())
  const named = Math.max(0, host)
  const ids: Digest[] = []
  for (const [at, result] of solved.entries()) {
    const references = at === named ? (options.tag ?? []) : []
    const { id } = await store.recordBuilt({ ...builtImage(store.steps, result, request), references, signal })
    ids.push(id)
  }
  return ids
}
