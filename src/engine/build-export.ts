import type { BuildEvent, StageResult } from '../build/index.js'
import type { BuildRunResult } from './build-actions.js'
import { builtDocument, type DocumentSettings } from './build-document.js'
import type { BuildOptions } from './build-options.js'
import type { ImagesContext } from './image.js'

/** What a build has written elsewhere. */
export interface BuildOutput {
  readonly type: 'local' | 'tar' | 'oci' | 'docker'
  /** Where; undefined: to a stream. */
  readonly dest: string | undefined
  /** Bytes that were written; undefined of a directory. */
  readonly size?: number
  /** Of the manifest, or of the index where there are several platforms; undefined of mere files. */
  readonly digest?: string
}

/** What is to be made of what was built. */
export interface ExportRequest {
  /** One for each platform. */
  readonly solved: readonly StageResult[]
  readonly options: BuildOptions
  /** Seconds since 1970. */
  readonly epoch: number | undefined
  readonly report: (event: BuildEvent) => void
  readonly signal: AbortSignal
}

/** Records what was built, or writes it where it is wanted. */
export async function exportBuild(
  { images: { store } }: { readonly images: ImagesContext },
  { solved, options, epoch, report, signal }: ExportRequest,
): Promise<BuildRunResult> {
  const settings: DocumentSettings = { labels: options.label ?? {}, epoch }
  report({ kind: 'export', what: 'image', status: 'started' })
  const ids: string[] = []
  for (const result of solved) {
    const { id } = await store.recordBuilt({
      layers: result.filesystem.layers,
      document: (diffIds) => builtDocument(store.steps, result, diffIds, settings),
      references: options.tag ?? [],
      signal,
    })
    ids.push(id)
  }
  report({ kind: 'export', what: 'image', status: 'done' })
  return { ids, output: undefined }
}
