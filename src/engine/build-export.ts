import { lstat, rm, writeFile } from 'node:fs/promises'
import { sortAnnotations } from '../build/export/annotations.js'
import type { BuildEvent } from '../build/index.js'
import type { Digest } from '../content/digest.js'
import { reporting } from '../errors/system.js'
import { parseReference } from '../reference/reference.js'
import type { BuildRunResult } from './build-actions.js'
import { credentialsOf } from './build-credentials.js'
import { builtImage } from './build-document.js'
import type { BuildOptions, OutputInput } from './build-options.js'
import { type BuildOutput, type OutputRequest, writeOutput } from './build-outputs.js'
import { hostPlatformName } from './build-platforms.js'
import type { ImagesContext } from './image.js'
import { pushImages, pushManifestList } from './push.js'

export type { BuildOutput } from './build-outputs.js'

/** What is to be made of what was built. */
export interface ExportRequest extends OutputRequest {
  report(event: BuildEvent): void
}

/** Removes the file with the ID of an earlier image: a build that fails leaves none. */
export async function forgetId({ iidfile }: Pick<BuildOptions, 'iidfile'>): Promise<void> {
  if (iidfile === undefined) return
  const found = await lstat(iidfile).catch(() => undefined)
  // A device or a pipe only takes it.
  if (found?.isFile()) await reporting(`cannot remove ${iidfile}`, () => rm(iidfile, { force: true }))
}

/** Records what was built, or writes it where it is wanted. */
export async function exportBuild(
  { images }: { readonly images: ImagesContext },
  request: ExportRequest,
): Promise<BuildRunResult> {
  const { options, report } = request
  const what = options.output?.type ?? 'image'
  report({ kind: 'export', what, status: 'started' })
  const { ids, output } = await exportTo(images, request)
  const { iidfile } = options
  if (iidfile !== undefined)
    await reporting(`cannot write the image's ID to ${iidfile}`, () => writeFile(iidfile, ids.join('\n')))
  report({ kind: 'export', what, status: 'done' })
  return { ids: output && output.type !== 'image' ? [] : ids, output }
}

async function exportTo(images: ImagesContext, request: OutputRequest): Promise<BuildRunResult> {
  const { output, tag = [] } = request.options
  if (output === undefined) return { ids: await recordImages(images, request, tag), output: undefined }
  if (output.type !== 'image') return writeOutput(images.store, output, request)
  const names = [...new Set([...tag, ...namesOf(output)])]
  const ids = await recordImages(images, request, names)
  const digest = output.push === true ? await push(images, names, ids, request) : undefined
  return { ids, output: { type: 'image', dest: names[0], ...(digest && { digest }) } }
}

function namesOf({ name = [] }: Extract<OutputInput, { readonly type: 'image' }>): readonly string[] {
  return typeof name === 'string' ? [name] : name
}

/** A name can only stand for one image: of several platforms for that of this host, else for the first. */
async function recordImages(
  { store }: ImagesContext,
  request: OutputRequest,
  names: readonly string[],
): Promise<Digest[]> {
  const { solved, signal } = request
  const host = solved.findIndex(({ platform }) => platform === hostPlatformName())
  const named = Math.max(0, host)
  const ids: Digest[] = []
  for (const [at, result] of solved.entries()) {
    const references = at === named ? names : []
    const { id } = await store.recordBuilt({ ...builtImage(store.steps, result, request), references, signal })
    ids.push(id)
  }
  return ids
}

/** @returns the digest that the registry has it under */
async function push(
  images: ImagesContext,
  names: readonly string[],
  ids: readonly Digest[],
  { options, signal }: OutputRequest,
): Promise<BuildOutput['digest']> {
  const { index: annotations } = sortAnnotations(options.annotation ?? {})
  const credentials = credentialsOf(options.auth, signal)
  const digests: string[] = []
  for (const name of names) {
    const auth = await credentials(parseReference(name))
    const own = { signal, ...(auth && { auth }) }
    const pushed =
      ids.length > 1
        ? [await pushManifestList(images, name, ids, { ...own, ...(annotations && { annotations }) })]
        : await pushImages(images, name, own, ids[0])
    digests.push(...pushed.map(({ digest }) => digest))
  }
  return digests[0]
}
