import type { IncomingMessage, ServerResponse } from 'node:http'
import { InvalidOptionError } from '../errors/index.js'
import { Bell } from './autobuild-bell.js'
import type { AutobuildEngine } from './autobuild-loop.js'
import type { AutobuildEvent, AutobuildOptions } from './autobuild-options.js'
import { type AutobuildSettings, autobuildSettings } from './autobuild-settings.js'
import { Operation, type Report } from './operation.js'
import type { Keeping } from './unread.js'

/** Options of {@link Autobuild.webhook}. */
export interface WebhookOptions {
  /** What the git server was told as the secret of its webhook. */
  readonly secret: string
}

/** A handler for `http.createServer()`, and for what is like it; nothing may have read the request's body before. */
export type WebhookHandler = (request: IncomingMessage, response: ServerResponse) => void

const keepingProgress: Keeping<AutobuildEvent> = {
  sizeOf(event) {
    if (event.kind !== 'progress') return 0
    if (event.event.kind === 'log') return event.event.data.length
    return event.event.kind === 'pull' ? undefined : 0
  },
  lost: (events, bytes) => ({ kind: 'lost', events, bytes }),
}

/**
 * A branch of a git repository that is watched, each new commit of which is built, and pushed: automated builds. It has begun when
 * it is there, and goes on, whatever fails, until it is closed, its signal fires or the engine is closed. Which commit was built
 * last is a label of the image, `org.opencontainers.image.revision`: who begins again goes on there.
 *
 * Every loop gets the events from its own beginning on; leaving one ends nothing.
 *
 * @example
 * ```ts
 * await using builds = engine.autobuild({
 *   git: 'https://github.com/me/app.git', branch: 'main', image: ['me/app:latest', 'me/app:{shortCommit}'], push: true,
 * })
 * createServer(builds.webhook({ secret: process.env.WEBHOOK_SECRET })).listen(8080)
 * for await (const event of builds) if (event.kind === 'failed') console.error(event.commit, event.error.message)
 * ```
 */
export class Autobuild implements AsyncIterable<AutobuildEvent>, AsyncDisposable {
  readonly #operation: Operation<AutobuildEvent, void>
  readonly #stop = new AbortController()
  readonly #bell = new Bell()

  /** @internal */
  constructor(engine: AutobuildEngine, options: AutobuildOptions, closing: AbortSignal) {
    const settings = autobuildSettings(options)
    this.#operation = new Operation(
      (report, signal) => this.#watch(engine, settings, report, signal),
      [closing, options.signal],
      keepingProgress,
    )
    // Who has just got it may begin a loop, which misses nothing then. A failure is for whoever loops, or closes.
    setImmediate(() => this.#operation.catch(() => {}))
  }

  /** Looks for a new commit now; what has failed is tried again. While one is built: when that is done. */
  trigger(): void {
    this.#bell.ring()
  }

  /**
   * A handler for the webhook of a git server, which triggers when the server proves that it knows the secret: GitHub's, Gitea's and
   * Bitbucket's signature (`X-Hub-Signature-256` and its like), GitLab's token. It answers 202, or 401.
   *
   * @throws {InvalidOptionError} INVALID_OPTION without a secret
   *
   * @example
   * ```ts
   * createServer(builds.webhook({ secret })).listen(8080)
   * ```
   */
  webhook({ secret }: WebhookOptions): WebhookHandler {
    if (typeof secret !== 'string' || secret === '')
      throw new InvalidOptionError('a webhook needs a secret: anybody could trigger it without', {
        code: 'INVALID_OPTION',
        details: { option: 'secret' },
      })
    return async (request, response) => {
      const { answerWebhook } = await import('./autobuild-webhook.js')
      await answerWebhook(request, response, secret, () => this.trigger())
    }
  }

  /** Ends it; what is being built or pushed is stopped. Loops over it end. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#operation.catch(() => {})
  }

  [Symbol.asyncIterator](): AsyncGenerator<AutobuildEvent, void, undefined> {
    return this.#operation[Symbol.asyncIterator]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #watch(
    engine: AutobuildEngine,
    settings: AutobuildSettings,
    report: Report<AutobuildEvent>,
    signal: AbortSignal,
  ): Promise<void> {
    const { watchRepository } = await import('./autobuild-loop.js')
    try {
      await watchRepository(engine, settings, this.#bell, report, AbortSignal.any([signal, this.#stop.signal]))
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    }
  }
}
