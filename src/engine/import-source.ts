import type { Readable } from 'node:stream'
import type { DownloadOptions } from '../registry/download-url.js'

export type ImportSource = string | Readable | AsyncIterable<Uint8Array>

/** Compressed, what cannot be compressed is longer than before, but by less than this. */
const compressionOverhead = { factor: 1.01, bytes: 1024 * 1024 }

/** The bytes behind a URL in place of it, and what to call them; anything else as it is. */
export function openImportSource(
  source: ImportSource,
  { maxBytes, signal }: { readonly maxBytes?: number | undefined; readonly signal?: AbortSignal | undefined },
): { readonly source: Exclude<ImportSource, Readable>; readonly origin?: string } {
  if (typeof source !== 'string' || !/^https?:\/\//i.test(source)) return { source }
  const most = maxBytes === undefined ? undefined : maxBytes * compressionOverhead.factor + compressionOverhead.bytes
  return { source: download(source, { maxBytes: most, signal }), origin: withoutSecrets(source) }
}

/** The client is loaded when it is needed. */
async function* download(url: string, options: DownloadOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { downloadUrl } = await import('../registry/download-url.js')
  yield* downloadUrl(url, options)
}

/** It is written into the image. */
function withoutSecrets(text: string): string {
  if (!URL.canParse(text)) return text
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}
