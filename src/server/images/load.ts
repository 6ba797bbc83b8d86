import type { ImageProgress } from '../../image/index.js'
import type { Exchange } from '../exchange.js'
import { loadedLayer } from './layer-lines.js'

/** `POST /images/load`: the body is an archive. As in Docker, what is wrong with it is told by a document. */
export async function loadImages(exchange: Exchange): Promise<void> {
  const { engine, query, request, signal } = exchange
  const isQuiet = query.flag('quiet', true)
  const lines = exchange.lines()
  lines.begin()
  for await (const progress of engine.images.load(request, { signal }))
    for (const document of documentsOf(progress, isQuiet)) await lines.write(document)
  lines.end()
}

function documentsOf(progress: ImageProgress, isQuiet: boolean): readonly object[] {
  if (progress.kind === 'loaded') return namesOf(progress).map((name) => ({ stream: `Loaded image${name}\n` }))
  if (progress.kind === 'warning') return [{ stream: `${progress.message}\n` }]
  if (progress.kind !== 'layer' || isQuiet) return []
  const line = loadedLayer(progress)
  return line ? [line] : []
}

function namesOf({ id, references }: Extract<ImageProgress, { kind: 'loaded' }>): readonly string[] {
  return references.length > 0 ? references.map((name) => `: ${name}`) : [` ID: ${id}`]
}
