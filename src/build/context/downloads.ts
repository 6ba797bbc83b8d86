/** What a server answers with; that of `src/registry/download-url.ts` is one. */
export interface DownloadedFile {
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** It is to be iterated, or `close` called. */
  readonly body: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/**
 * Gets a URL: follows a bounded number of redirects, and none from HTTPS to HTTP; verifies certificates; takes the proxies of the
 * environment; refuses more than `maxBytes`.
 */
export type OpenDownload = (
  url: string,
  options: { readonly maxBytes: number; readonly signal?: AbortSignal | undefined },
) => Promise<DownloadedFile>

/** Whether a context, or a source of ADD, is to be downloaded. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text)
}
