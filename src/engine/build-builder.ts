import type { BuildEvent } from '../build/index.js'
import type { CheckResult } from '../dockerfile/index.js'
import type { BuildAuth } from './build-credentials.js'
import type { BuildOutput } from './build-export.js'
import type {
  BuildLender,
  BuildNetwork,
  BuildOptions,
  BuildRequest,
  CacheFromInput,
  CacheToInput,
  Entitlement,
  OutputInput,
  SecretInput,
  SshInput,
} from './build-options.js'
import type { Image } from './image.js'
import type { Operation } from './operation.js'

/** What acts on a build's request; the engine's. */
export interface BuildActions {
  build(request: BuildRequest): Operation<BuildEvent, BuildResult>
  check(request: BuildRequest): Promise<CheckResult>
}

/** What a build comes to. */
export interface BuildResult {
  /** One for each platform; none when it was written elsewhere. */
  readonly images: readonly Image[]
  readonly output: BuildOutput | undefined
}

/** The builder that another option makes: an output stays what is awaited. */
export type Built<Result, Otherwise> = Result extends BuildOutput ? BuildBuilder<Result> : BuildBuilder<Otherwise>

/**
 * `docker build`, as data: every method returns a new builder with one option more, named like the command's long option.
 * Nothing happens before it is awaited, for the image, or iterated, for what happens on the way.
 *
 * A loop over its events gets all of the log: where it is slow, the programs of the build wait for it. Who awaits the result while
 * the loop goes on does not wait; `lost` tells then what was more than 64 MiB ahead of the loop.
 *
 * @example
 * ```ts
 * const image = await engine.build('./app').tag('me/app:1').buildArg('VERSION', '1.2')
 * for await (const event of engine.build('./app')) if (event.kind === 'log') process.stdout.write(event.data)
 * ```
 */
export class BuildBuilder<Result = Image> implements PromiseLike<Result>, AsyncIterable<BuildEvent> {
  readonly #actions: BuildActions
  readonly #request: BuildRequest
  #operation: Operation<BuildEvent, BuildResult> | undefined

  /** @internal */
  constructor(actions: BuildActions, request: BuildRequest) {
    this.#actions = actions
    this.#request = Object.freeze({ ...request, options: Object.freeze({ ...request.options }) })
  }

  /** A name for the image; may be called for several. */
  tag(...names: readonly string[]): this {
    return this.#with({ tag: [...(this.#options.tag ?? []), ...names] })
  }

  /** The Dockerfile: a path in the context, or an absolute one of the host. Default: `Dockerfile`. */
  file(path: string): this {
    return this.#with({ file: path })
  }

  /** The Dockerfile's text, instead of a file. */
  dockerfile(text: string | Uint8Array): this {
    return this.#with({ dockerfile: text })
  }

  /** The value of an ARG; without one that of this process's environment. */
  buildArg(name: string, value: string | undefined = process.env[name]): this {
    return this.#with({ buildArg: { ...this.#options.buildArg, [name]: value } })
  }

  /** The stage that is wanted. Default: the last. */
  target(stage: string): this {
    return this.#with({ target: stage })
  }

  /**
   * `linux/arm64`, instead of this host's. Several make several images, and the result an array; so does an array. The last call
   * counts.
   */
  platform(platform: string): Built<Result, Image>
  platform(platforms: readonly string[]): Built<Result, readonly Image[]>
  platform(...platforms: readonly [string, string, ...string[]]): Built<Result, readonly Image[]>
  platform(...platforms: readonly (string | readonly string[])[]): BuildBuilder<unknown> {
    const [platform = []] = platforms
    return this.#become({ platform: platforms.length > 1 ? (platforms as readonly string[]) : platform })
  }

  /** A label of the image. */
  label(name: string, value = ''): this {
    return this.#with({ label: { ...this.#options.label, [name]: value } })
  }

  /** An annotation of the image's manifest: `key`, `manifest:key`, or of the index: `index:key`. */
  annotation(name: string, value: string): this {
    return this.#with({ annotation: { ...this.#options.annotation, [name]: value } })
  }

  /** Does every step, also if it was done before. */
  noCache(is = true): this {
    return this.#with({ noCache: is })
  }

  /** The same for stages of these names. */
  noCacheFilter(...stages: readonly string[]): this {
    return this.#with({ noCacheFilter: [...(this.#options.noCacheFilter ?? []), ...stages] })
  }

  /** Asks registries for newer base images. */
  pull(is = true): this {
    return this.#with({ pull: is })
  }

  /**
   * Credentials for registries, of this build alone, instead of what `login()` has stored.
   *
   * @param auth by host, or a function that is asked for those of a host
   *
   * @example
   * ```ts
   * await engine.build('./app').auth({ 'reg.local:5000': { username: 'me', password: 'secret' } })
   * ```
   */
  auth(auth: BuildAuth): this {
    return this.#with({ auth })
  }

  /** Where steps of other builds are looked for. What cannot be had is a warning. */
  cacheFrom(...sources: readonly CacheFromInput[]): this {
    return this.#with({ cacheFrom: [...(this.#options.cacheFrom ?? []), ...sources] })
  }

  /** Where the steps of this build are kept for others. */
  cacheTo(...targets: readonly CacheToInput[]): this {
    return this.#with({ cacheTo: [...(this.#options.cacheTo ?? []), ...targets] })
  }

  /** A further context: a directory, a git or http URL, or `docker-image://NAME`. It hides a stage or image of that name. */
  buildContext(name: string, source: string): this {
    return this.#with({ buildContext: { ...this.#options.buildContext, [name]: source } })
  }

  /** A secret for `RUN --mount=type=secret`. */
  secret(secret: SecretInput): this {
    return this.#with({ secret: [...(this.#options.secret ?? []), secret] })
  }

  /** An ssh agent for `RUN --mount=type=ssh`. Default: that of `SSH_AUTH_SOCK`. */
  ssh(agent: SshInput = {}): this {
    return this.#with({ ssh: [...(this.#options.ssh ?? []), agent] })
  }

  /**
   * Somebody who has further secrets and agents, and is asked for them when a RUN needs one.
   *
   * @example
   * ```ts
   * await engine.build('./app').lender({ secret: async (id) => (await vault.read(id)) ?? undefined })
   * ```
   */
  lender(lender: BuildLender): this {
    return this.#with({ lender })
  }

  /** The network of RUN without `--network`: `none`, `host`, a network by its name, or `container:NAME`. */
  network(mode: BuildNetwork): this {
    return this.#with({ network: mode })
  }

  /** What RUN may ask for. */
  allow(...entitlements: readonly Entitlement[]): this {
    return this.#with({ allow: [...(this.#options.allow ?? []), ...entitlements] })
  }

  /** A line of /etc/hosts in the containers of RUN: `name:address`. */
  addHost(...hosts: readonly string[]): this {
    return this.#with({ addHost: [...(this.#options.addHost ?? []), ...hosts] })
  }

  /** Memory of each container of RUN: bytes, or a text such as `512m`. */
  memory(limit: number | string): this {
    return this.#with({ memory: limit })
  }

  /** Memory and swap together; -1: any. */
  memorySwap(limit: number | string): this {
    return this.#with({ memorySwap: limit })
  }

  /** Processors of each container of RUN: `1.5`. */
  cpus(count: number | string): this {
    return this.#with({ cpus: count })
  }

  cpuShares(shares: number): this {
    return this.#with({ cpuShares: shares })
  }

  /** Microseconds. */
  cpuPeriod(period: number): this {
    return this.#with({ cpuPeriod: period })
  }

  /** Microseconds. */
  cpuQuota(quota: number): this {
    return this.#with({ cpuQuota: quota })
  }

  cpusetCpus(list: string): this {
    return this.#with({ cpusetCpus: list })
  }

  cpusetMems(list: string): this {
    return this.#with({ cpusetMems: list })
  }

  /** A limit of the programs of RUN: `nofile=1024:2048`. */
  ulimit(...limits: NonNullable<BuildOptions['ulimit']>): this {
    return this.#with({ ulimit: [...(this.#options.ulimit ?? []), ...limits] })
  }

  /** The size of /dev/shm. */
  shmSize(size: number | string): this {
    return this.#with({ shmSize: size })
  }

  cgroupParent(path: string): this {
    return this.#with({ cgroupParent: path })
  }

  /**
   * Writes the result elsewhere, instead of making an image here.
   *
   * @example
   * ```ts
   * await engine.build('./app').output({ type: 'local', dest: 'out' })
   * ```
   */
  output(output: OutputInput): BuildBuilder<BuildOutput> {
    return this.#become({ output })
  }

  /** Writes the image's ID to a file. */
  iidfile(path: string): this {
    return this.#with({ iidfile: path })
  }

  /** Makes one of the layers that the build adds. */
  squash(is = true): this {
    return this.#with({ squash: is })
  }

  /** Seconds since 1970: nothing in the result is newer, and the same input makes the same digests. */
  sourceDateEpoch(seconds: number): this {
    return this.#with({ sourceDateEpoch: seconds })
  }

  /** How many steps are done at once. Default: 4. */
  parallelism(count: number): this {
    return this.#with({ parallelism: count })
  }

  /** Stops the build when it fires. */
  signal(signal: AbortSignal): this {
    return this.#with({ signal })
  }

  /**
   * Looks for common mistakes, and builds nothing: Docker's build checks, by the names of their rules.
   *
   * @throws {BuildError} DOCKERFILE_INVALID; {ContextError}
   *
   * @example
   * ```ts
   * for (const { rule, lines, message } of (await engine.build('.').check()).findings) console.log(rule, lines.first, message)
   * ```
   */
  check(): Promise<CheckResult> {
    return this.#actions.check(this.#request)
  }

  /** The request as data. */
  toRequest(): BuildRequest {
    return this.#request
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder builds, by design
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((result: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#begun()
      .then((result) => pick(this.#options, result) as Result)
      .then(onFulfilled, onRejected)
  }

  [Symbol.asyncIterator](): AsyncGenerator<BuildEvent, void, undefined> {
    return this.#begun()[Symbol.asyncIterator]()
  }

  get #options(): BuildOptions {
    return this.#request.options
  }

  #begun(): Operation<BuildEvent, BuildResult> {
    this.#operation ??= this.#actions.build(this.#request)
    return this.#operation
  }

  #with(options: BuildOptions): this {
    return this.#become<Result>(options) as this
  }

  #become<Other>(options: BuildOptions): BuildBuilder<Other> {
    return new BuildBuilder(this.#actions, { ...this.#request, options: { ...this.#options, ...options } })
  }
}

/** What is awaited of it, whichever way the options were given. */
function pick({ output, platform }: BuildOptions, result: BuildResult): BuildOutput | Image | readonly Image[] {
  if (output !== undefined) return result.output as BuildOutput
  return typeof platform === 'object' ? result.images : (result.images[0] as Image)
}
