import { remoteCommit } from '../build/context/index.js'
import { failpoint } from '../errors/failpoint.js'
import { InboardError } from '../errors/index.js'
import { parseReference } from '../reference/reference.js'
import type { Bell } from './autobuild-bell.js'
import type { AutobuildEvent } from './autobuild-options.js'
import type { AutobuildSettings } from './autobuild-settings.js'
import type { BuildBuilder } from './build-builder.js'
import type { Engine } from './engine.js'
import type { Image } from './image.js'
import type { Report } from './operation.js'

/** What of the engine builds and pushes. */
export type AutobuildEngine = Pick<Engine, 'build' | 'images'>

/** The label that says of which commit an image is. @see https://github.com/opencontainers/image-spec/blob/main/annotations.md */
const revisionLabel = 'org.opencontainers.image.revision'
const sourceLabel = 'org.opencontainers.image.source'

const checkTimeoutMs = 120_000
const firstRetryMs = 10_000
const longestRetryMs = 3600_000

/** What went wrong, and when it is tried again. */
interface Failure {
  readonly commit: string | undefined
  readonly count: number
  readonly retryAt: number
}

/** Watches a repository until the signal ends it. Commits that come while one is built are one: the newest. */
export async function watchRepository(
  engine: AutobuildEngine,
  settings: AutobuildSettings,
  bell: Bell,
  report: Report<AutobuildEvent>,
  signal: AbortSignal,
): Promise<never> {
  const watch = new Watch(engine, settings, report, signal)
  for (let isCalled = true; ; ) {
    const began = performance.now()
    const retryInMs = await watch.look(isCalled)
    const { intervalMs = Number.POSITIVE_INFINITY } = settings
    const inMs = Math.min(retryInMs, began + intervalMs - performance.now())
    isCalled = await bell.wait(inMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, inMs), signal)
  }
}

class Watch {
  readonly #engine: AutobuildEngine
  readonly #settings: AutobuildSettings
  readonly #report: Report<AutobuildEvent>
  readonly #signal: AbortSignal
  #done: string | undefined
  #failure: Failure | undefined

  constructor(
    engine: AutobuildEngine,
    settings: AutobuildSettings,
    report: Report<AutobuildEvent>,
    signal: AbortSignal,
  ) {
    this.#engine = engine
    this.#settings = settings
    this.#report = report
    this.#signal = signal
  }

  /**
   * Looks at the branch, and builds and pushes what is new.
   *
   * @param isCalled what has failed is tried again at once
   * @returns in how many ms what has failed is tried again
   */
  async look(isCalled: boolean): Promise<number> {
    let stage: 'check' | 'build' | 'push' = 'check'
    let commit: string | undefined
    try {
      commit = await this.#head()
      const here = await this.#imageOf(commit)
      const isBuilt = commit === this.#done || (here !== undefined && (await this.#isPushed(here, commit)))
      this.#report({ kind: 'checked', commit, isBuilt })
      if (isBuilt) return this.#succeeded(commit)
      const left = this.#msUntilRetry(commit)
      if (left > 0 && !isCalled) return left
      stage = 'build'
      const image = here ?? (await this.#build(commit))
      failpoint('autobuild.built')
      stage = 'push'
      if (this.#settings.push) await this.#push(image, commit)
      return this.#succeeded(commit)
    } catch (error) {
      // A check that took too long is a failure like any other; an end is none.
      this.#signal.throwIfAborted()
      return this.#failed(stage, commit, error)
    }
  }

  #head(): Promise<string> {
    const { git, branch } = this.#settings
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(checkTimeoutMs)])
    return remoteCommit(git, branch, { signal })
  }

  async #build(commit: string): Promise<Image> {
    const { git, directory, dockerfile, source, options = {}, names } = this.#settings
    this.#report({ kind: 'building', commit })
    const began = performance.now()
    const label = { [sourceLabel]: source, ...options.label, [revisionLabel]: commit }
    const build = this.#engine.build(
      { git: `${git}#${commit}${directory === '' ? '' : `:${directory}`}` },
      {
        ...options,
        label,
        tag: names(commit),
        signal: this.#signal,
        ...(dockerfile !== undefined && { file: dockerfile }),
      },
    ) as BuildBuilder
    for await (const event of build) this.#report({ kind: 'progress', commit, event })
    const image = await build
    this.#report({ kind: 'built', commit, image, durationMs: performance.now() - began })
    return image
  }

  async #push(image: Image, commit: string): Promise<void> {
    const { auth, names } = this.#settings
    for (const name of names(commit))
      for (const { reference, digest } of await image.push(name, { signal: this.#signal, ...(auth && { auth }) }))
        this.#report({ kind: 'pushed', commit, reference, digest })
  }

  /** The image that has all names of a commit's, and is of it. */
  async #imageOf(commit: string): Promise<Image | undefined> {
    const { images } = this.#engine
    const found = await Promise.all(this.#settings.names(commit).map((name) => images.get(name).catch(orNone)))
    const [image] = found
    if (image === undefined || found.some((other) => other?.id !== image.id)) return undefined
    const { Config } = await image.inspect()
    return Config.Labels?.[revisionLabel] === commit ? image : undefined
  }

  /** Whether all that is to be done with it was done. */
  async #isPushed(image: Image, commit: string): Promise<boolean> {
    if (!this.#settings.push) return true
    const { RepoDigests } = await image.inspect()
    const repositories = this.#settings
      .names(commit)
      .map((name) => parseReference(parseReference(name).name).familiar())
    return repositories.every((repository) => RepoDigests.some((digest) => digest.startsWith(`${repository}@`)))
  }

  #msUntilRetry(commit: string): number {
    return this.#failure?.commit === commit ? this.#failure.retryAt - performance.now() : 0
  }

  #succeeded(commit: string): number {
    this.#done = commit
    this.#failure = undefined
    return Number.POSITIVE_INFINITY
  }

  #failed(stage: 'check' | 'build' | 'push', commit: string | undefined, error: unknown): number {
    const { commit: last, count = 0 } = this.#failure ?? {}
    const before = last === commit ? count : 0
    const { intervalMs = firstRetryMs } = this.#settings
    const retryMs = Math.min(Math.max(longestRetryMs, intervalMs), intervalMs * 2 ** before)
    this.#failure = { commit, count: before + 1, retryAt: performance.now() + retryMs }
    this.#report({
      kind: 'failed',
      stage,
      commit,
      error: error instanceof Error ? error : new Error(String(error)),
      retryMs,
    })
    return retryMs
  }
}

function orNone(error: unknown): undefined {
  if (error instanceof InboardError && error.code === 'IMAGE_NOT_FOUND') return undefined
  throw error
}
