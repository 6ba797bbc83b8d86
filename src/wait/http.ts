import type { Dispatcher } from 'undici'
import type { ContainerDispatcherOptions } from '../container/dispatcher.js'
import type { WaitStrategy } from '../container/wait-strategy.js'
import { isPassing, longPauses, reasonOf, retry } from './strategy.js'

/** Options of {@link http}. */
export interface HttpOptions {
  readonly port: number
  /** The status, or whether it will do. Default: 200 to 299. */
  readonly status?: number | ((status: number) => boolean)
  /** What the body has to have or to match, or whether it will do; of longer ones the first MiB. Default: any. */
  readonly body?: string | RegExp | ((body: string) => boolean)
  /** Default `'GET'`. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'OPTIONS'
  /** Default: `host: localhost:PORT`. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Over TLS: `true`, whatever certificate it has, as nobody else is there; or as of `container.dispatcher()`: `ca`,
   * `servername`, ...
   */
  readonly tls?: boolean | NonNullable<ContainerDispatcherOptions['connect']>
}

/** So long one answer is waited for, in ms. */
const patienceMs = 10_000
const longestBody = 1024 * 1024

/**
 * Ready when a request to a port of the container, made within its own network, is answered as it should be. Redirections are
 * answers, and not followed.
 *
 * @example
 * ```ts
 * const web = await engine.run('nginx').waitFor(http('/health', { port: 80, status: 200, body: /ok/ }))
 * ```
 */
export function http(path: string, options: HttpOptions): WaitStrategy {
  const { port, status, body, method = 'GET', headers, tls = false } = options
  const description = `${method} ${path} of port ${port}`
  const request = { origin: `${tls ? 'https' : 'http'}://localhost:${port}`, path, method, ...(headers && { headers }) }
  return {
    description,
    async wait({ container, signal, attempted }) {
      const connect = typeof tls === 'object' ? tls : { rejectUnauthorized: false }
      const dispatcher = container.dispatcher({ connect })
      const patience = { headersTimeout: patienceMs, bodyTimeout: patienceMs }
      try {
        await retry({ signal }, longPauses, async () => {
          const answer = await ask(dispatcher, { ...request, ...patience, signal })
          if (answer instanceof Error) {
            attempted(`${description}: ${reasonOf(answer)}`)
            return false
          }
          if (isStatus(answer.status, status) && isBody(answer.text, body)) return true
          attempted(`${description}: ${answer.status} ${answer.text.slice(0, 100)}`.trim())
          return false
        })
      } finally {
        await dispatcher.destroy()
      }
    },
  }
}

/** An error: what a server does that is not ready. */
async function ask(dispatcher: Dispatcher, request: Dispatcher.RequestOptions & { readonly signal: AbortSignal }) {
  try {
    const { statusCode, body } = await dispatcher.request(request)
    return { status: statusCode, text: await beginning(body) }
  } catch (error) {
    request.signal.throwIfAborted()
    if ((isOurs(error) && !isPassing(error)) || !(error instanceof Error)) throw error
    return error
  }
}

/** The engine's own: the container has gone, or an option cannot be. */
const isOurs = (error: unknown) => error instanceof Error && 'details' in error

function isStatus(status: number, wanted: HttpOptions['status']): boolean {
  if (typeof wanted === 'function') return wanted(status)
  return wanted === undefined ? status >= 200 && status <= 299 : status === wanted
}

function isBody(body: string, wanted: HttpOptions['body']): boolean {
  if (wanted === undefined) return true
  if (typeof wanted === 'function') return wanted(body)
  return typeof wanted === 'string' ? body.includes(wanted) : body.search(wanted) >= 0
}

async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= longestBody) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, longestBody)
}
