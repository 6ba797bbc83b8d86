import { InboardError } from '../../errors/index.js'
import type { BuildContext } from './build-context.js'
import { contextUnavailable } from './context-errors.js'
import { withDefaults } from './context-limits.js'
import type { OpenDownload } from './downloads.js'
import { openStream, type UnpackedOptions } from './stream-context.js'

export interface UrlOptions extends UnpackedOptions {
  readonly download: OpenDownload
}

/**
 * What an http or https URL has: an archive, or a Dockerfile without a context; told by its content.
 *
 * @throws as `openStream`; {ContextError} CONTEXT_UNAVAILABLE when it cannot be had
 */
export async function openUrl(url: string, options: UrlOptions): Promise<BuildContext> {
  const { maxDownloadBytes } = withDefaults(options.limits)
  const { body, close } = await downloaded(url, maxDownloadBytes, options)
  try {
    return await openStream(body, options)
  } finally {
    await close()
  }
}

async function downloaded(url: string, maxBytes: number, { download, signal }: UrlOptions) {
  try {
    return await download(url, { maxBytes, signal })
  } catch (error) {
    if (!(error instanceof InboardError)) throw error
    throw contextUnavailable(error.message, error.details, error)
  }
}
