import type { CopyInstruction } from '../../dockerfile/index.js'
import { BuildError } from '../../errors/index.js'
import { isHttpUrl } from '../context/index.js'
import { type Copied, copiedOf, copiedTexts } from '../files/copied.js'
import { historyOf } from '../files/history.js'
import { place } from '../files/place.js'
import { type Placement, placementOf } from '../files/placement.js'
import { isRepository } from '../files/repository.js'
import type { KeyPart } from '../key.js'
import type { FilesystemStep, StepContext, StepSource } from './step.js'

/**
 * What COPY does.
 *
 * @throws {BuildError} DOCKERFILE_INVALID, in Docker's words
 */
export async function copyStep(instruction: CopyInstruction, context: StepContext): Promise<FilesystemStep> {
  const placement = placementOf(instruction, context.state.draft.config.WorkingDir ?? '/')
  const paths = instruction.sources.flatMap((source) => (source.kind === 'path' ? [source.path] : []))
  paths.forEach(verifyLocal)
  const source = paths.length === 0 ? undefined : await context.source(instruction.from)
  let reading: Promise<readonly Copied[]> | undefined
  const read = () => {
    reading ??= readSources(instruction, paths, source)
    return reading
  }
  const key = keyOf(instruction, placement)
  const from = source?.filesystem
  return {
    kind: 'copy',
    createdBy: historyOf(instruction),
    ...(from && { quickKey: { ...key, from: from.key, paths } }),
    key: async () => ({ ...key, copied: (await read()).map((copied) => copied.key) }),
    execute: async (workspace) => place(workspace, placement, await read(), context.signal),
  }
}

function keyOf({ sources, parents, exclude }: CopyInstruction, placement: Placement) {
  const texts: KeyPart = sources.flatMap((source) => (source.kind === 'heredoc' ? [[source.name, source.content]] : []))
  return { placement: placement.key, parents, exclude, texts }
}

async function readSources(
  { sources, parents, exclude }: CopyInstruction,
  paths: readonly string[],
  source: StepSource | undefined,
): Promise<readonly Copied[]> {
  const texts = copiedTexts(sources)
  if (source === undefined) return [texts]
  return [await copiedOf(await source.files(), paths, { parents, exclude }), texts]
}

function verifyLocal(path: string): void {
  const what = isRepository(path) ? 'a git ref' : isHttpUrl(path) ? 'a URL' : undefined
  if (what === undefined) return
  throw new BuildError(`source can't be ${what} for COPY`, { code: 'DOCKERFILE_INVALID', details: { path } })
}
