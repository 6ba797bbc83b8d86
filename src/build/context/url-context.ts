import type { BuildContext } from './build-context.js'
import { withDefaults } from './context-limits.js'
import type { OpenDownload } from './downloads.js'
import { openStream, type UnpackedOptions } from './stream-context.js'

export interface UrlOptions extends UnpackedOptions {
  readonly download: OpenDownload
}

/**
 * What an http or https URL has: an archive, or a Dockerfile without a context; told by its content.
 *
 * @throws as `openStream`, and what `download` throws
 */
export async function openUrl(url: string, options: UrlOptions): Promise<BuildContext> {
  const { maxDownloadBytes } = withDefaults(options.limits)
  const { body, close } = await options.download(url, { maxBytes: maxDownloadBytes, signal: options.signal })
  try {
    return await openStream(body, options)
  } finally {
    await close()
  }
}
