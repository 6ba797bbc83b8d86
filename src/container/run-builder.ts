import type { Readable } from 'node:stream'
import type { EnvInput, MountInput, PullPolicy, RunOptions } from '../spec/options.js'
import { type Attachment, attachLive, type ExitResult, resultOf } from './attach.js'
import type { Container } from './container.js'
import { detachedStreams, type Live, type StartStreams } from './context.js'
import { feed, sessionInput } from './streams.js'

/** A container to be made: the builder's frozen data. */
export interface RunRequest {
  readonly image: string
  readonly command: readonly string[] | undefined
  readonly options: RunOptions
  readonly signal: AbortSignal | undefined
}

/** What acts on a request; the engine's. */
export interface RunActions {
  create(request: RunRequest): Promise<Container>
  /** Creates and starts, in one transaction. */
  run(request: RunRequest, streams: StartStreams): Promise<{ container: Container; live: Live }>
}

/** A container's output, gathered. */
export interface RunOutput extends ExitResult {
  readonly stdout: string
  readonly stderr: string
}

export interface OutputOptions {
  /** What the program reads. Implies `interactive()`. */
  readonly stdin?: string | Uint8Array | Readable
  /** Kills the container; the call rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * `docker run`, as data: every method returns a new builder with one option more, named like the command's long option.
 * Nothing happens before it is awaited (create and start, detached), or one of the verbs is called: `create()`, `output()`,
 * `attach()`.
 *
 * @example
 * ```ts
 * const db = await engine.run('redis:7').name('myredis').publish('127.0.0.1:6379:6379')
 * const { stdout } = await engine.run('debian', ['echo', 'hi']).rm().output()
 * ```
 */
export class RunBuilder implements PromiseLike<Container> {
  readonly #actions: RunActions
  readonly #request: RunRequest
  #started: Promise<Container> | undefined

  /** @internal */
  constructor(actions: RunActions, request: RunRequest) {
    this.#actions = actions
    this.#request = Object.freeze({ ...request, options: Object.freeze({ ...request.options }) })
  }

  #with(options: RunOptions): RunBuilder {
    return new RunBuilder(this.#actions, { ...this.#request, options: { ...this.#request.options, ...options } })
  }

  #add<K extends ListOption>(key: K, values: readonly unknown[]): RunBuilder {
    return this.#with({ [key]: [...((this.#request.options[key] as readonly unknown[] | undefined) ?? []), ...values] })
  }

  /** When the image is pulled first: when it is `'missing'` here (the default), `'always'`, or `'never'`. */
  pull(pull: PullPolicy): RunBuilder {
    return this.#with({ pull })
  }

  /** `linux/architecture[/variant]` of an image that is offered for several. */
  platform(platform: string): RunBuilder {
    return this.#with({ platform })
  }

  /** Its name; default: a random one. Names are unique. */
  name(name: string): RunBuilder {
    return this.#with({ name })
  }

  /** Replaces the image's entrypoint; the image's command is dropped with it. `''`: none. */
  entrypoint(entrypoint: string | readonly string[]): RunBuilder {
    return this.#with({ entrypoint })
  }

  /** Environment variables, added to the image's. A name without value takes the value from this process. */
  env(env: EnvInput): RunBuilder {
    return this.#add('env', envList(env))
  }

  /** Files of environment variables, in the form `docker run --env-file` reads. */
  envFile(...files: readonly string[]): RunBuilder {
    return this.#add('envFile', files)
  }

  /** `name|uid[:group|gid]`; names are looked up in the image. */
  user(user: string): RunBuilder {
    return this.#with({ user })
  }

  /** Working directory, absolute; made when the image lacks it. */
  workdir(workdir: string): RunBuilder {
    return this.#with({ workdir })
  }

  /** Default: the first 12 characters of its id. */
  hostname(hostname: string): RunBuilder {
    return this.#with({ hostname })
  }

  domainname(domainname: string): RunBuilder {
    return this.#with({ domainname })
  }

  /** Gives the program a terminal. */
  tty(tty = true): RunBuilder {
    return this.#with({ tty })
  }

  /** Keeps stdin open. */
  interactive(interactive = true): RunBuilder {
    return this.#with({ interactive })
  }

  /** Makes the root filesystem read-only. */
  readOnly(readOnly = true): RunBuilder {
    return this.#with({ readOnly })
  }

  /** An empty filesystem in memory at `target`; options as of mount(8), such as `'size=64m,mode=1777'`. */
  tmpfs(target: string, options?: string): RunBuilder {
    return this.#add('tmpfs', [options === undefined ? target : { target, options }])
  }

  /**
   * Mounts volumes and directories or files of the host: `'/data'` is a new volume that goes with the container,
   * `'name:/data'` one that stays, made where it is missing; `'/host:/data'` a path of the host, a directory where it is
   * missing. Behind a further colon come `ro`, `nocopy` (leave an empty volume empty, instead of filling it with what the
   * image has there) and, for a path of the host, a propagation.
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').volume('pgdata:/var/lib/postgresql/data', '/etc/ssl/certs:/certs:ro')
   * ```
   */
  volume(...volumes: readonly string[]): RunBuilder {
    return this.#add('volume', volumes)
  }

  /**
   * Mounts volumes, paths of the host (a missing one is an error), images and filesystems in memory, with all that can be
   * said of them.
   *
   * @example
   * ```ts
   * const volumeOptions = { labels: { keep: 'yes' }, driverOptions: { type: 'tmpfs', device: 'tmpfs', o: 'size=64m' } }
   * const web = await engine
   *   .run('nginx')
   *   .mount({ type: 'volume', source: 'cache', target: '/var/cache', volumeOptions })
   *   .mount({ type: 'bind', source: '/srv/site', target: '/usr/share/nginx/html', readOnly: true })
   * ```
   */
  mount(...mounts: readonly MountInput[]): RunBuilder {
    return this.#add('mount', mounts)
  }

  /** `container[:ro]`: mounts what other containers have mounted, at the same places. They need not run. */
  volumesFrom(...containers: readonly string[]): RunBuilder {
    return this.#add('volumesFrom', containers)
  }

  /** Who keeps the volumes that `volume()` and the image want, where they are made. Default: `local`. */
  volumeDriver(volumeDriver: string): RunBuilder {
    return this.#with({ volumeDriver })
  }

  /**
   * Its network: `'bridge'` (the default), `'host'`, `'none'` (loopback only), `'container:NAME'` (that container's), or the
   * name or id of one that was created.
   */
  network(network: string): RunBuilder {
    return this.#with({ network })
  }

  /** Further names by which containers of the same user-defined network find it. */
  networkAlias(...aliases: readonly string[]): RunBuilder {
    return this.#add('networkAlias', aliases)
  }

  /** Its IPv4 address on a user-defined network whose subnet was given. */
  ip(ip: string): RunBuilder {
    return this.#with({ ip })
  }

  /** Its IPv6 address on a user-defined network whose IPv6 subnet was given. */
  ip6(ip6: string): RunBuilder {
    return this.#with({ ip6 })
  }

  /** Such as `'02:42:ac:11:00:02'`. Default: made from its address. */
  macAddress(macAddress: string): RunBuilder {
    return this.#with({ macAddress })
  }

  /**
   * Publishes ports of the container on the host: `[[ip:][hostPort]:]port[/protocol]` with ranges, a port, or an object.
   * Without `hostPort` any free one; without `ip` all of the host's addresses. Of no effect on the networks `'host'` and
   * `'none'`.
   *
   * @example
   * ```ts
   * const web = await engine.run('nginx').publish('8080:80', '127.0.0.1::443', { port: 53, protocol: 'udp' })
   * ```
   */
  publish(...ports: NonNullable<RunOptions['publish']>): RunBuilder {
    return this.#add('publish', ports)
  }

  /** Publishes every exposed port on a free one of the host. */
  publishAll(publishAll = true): RunBuilder {
    return this.#with({ publishAll })
  }

  /** Ports that the container serves: `port[-port][/protocol]`. */
  expose(...ports: NonNullable<RunOptions['expose']>): RunBuilder {
    return this.#add('expose', ports)
  }

  /**
   * `container[:alias]`: containers that it finds by these names, and on the default bridge also by variables of its
   * environment.
   */
  link(...links: NonNullable<RunOptions['link']>): RunBuilder {
    return this.#add('link', links)
  }

  capAdd(...capabilities: readonly string[]): RunBuilder {
    return this.#add('capAdd', capabilities)
  }

  capDrop(...capabilities: readonly string[]): RunBuilder {
    return this.#add('capDrop', capabilities)
  }

  /** All capabilities and devices that the engine itself has, no seccomp, nothing masked. */
  privileged(privileged = true): RunBuilder {
    return this.#with({ privileged })
  }

  /** `no-new-privileges`, `seccomp=unconfined`, `seccomp=<profile as JSON>`, `systempaths=unconfined`. */
  securityOpt(...options: readonly string[]): RunBuilder {
    return this.#add('securityOpt', options)
  }

  /** Bytes, or a string such as `'64m'`; at least 6 MB. */
  memory(memory: number | string): RunBuilder {
    return this.#with({ memory })
  }

  /** Memory and swap together; -1: unlimited swap. Default: twice `memory`. */
  memorySwap(memorySwap: number | string): RunBuilder {
    return this.#with({ memorySwap })
  }

  memoryReservation(memoryReservation: number | string): RunBuilder {
    return this.#with({ memoryReservation })
  }

  oomKillDisable(oomKillDisable = true): RunBuilder {
    return this.#with({ oomKillDisable })
  }

  /** How many CPUs' worth of time it may use, such as 1.5. */
  cpus(cpus: number | string): RunBuilder {
    return this.#with({ cpus })
  }

  /** Relative weight; the default is 1024. */
  cpuShares(cpuShares: number): RunBuilder {
    return this.#with({ cpuShares })
  }

  /** Microseconds. */
  cpuPeriod(cpuPeriod: number): RunBuilder {
    return this.#with({ cpuPeriod })
  }

  /** Microseconds in each period. */
  cpuQuota(cpuQuota: number): RunBuilder {
    return this.#with({ cpuQuota })
  }

  /** Such as `'0-2,4'`. */
  cpusetCpus(cpusetCpus: string): RunBuilder {
    return this.#with({ cpusetCpus })
  }

  cpusetMems(cpusetMems: string): RunBuilder {
    return this.#with({ cpusetMems })
  }

  /** How many processes and threads it may have; -1: any number. */
  pidsLimit(pidsLimit: number): RunBuilder {
    return this.#with({ pidsLimit })
  }

  /** `'nofile=1024:2048'`, or an object. */
  ulimit(...limits: NonNullable<RunOptions['ulimit']>): RunBuilder {
    return this.#add('ulimit', limits)
  }

  /** `'/dev/x[:/dev/y[:rwm]]'`, or an object. */
  device(...devices: NonNullable<RunOptions['device']>): RunBuilder {
    return this.#add('device', devices)
  }

  /** Namespaced kernel parameters. */
  sysctl(sysctls: Readonly<Record<string, string>>): RunBuilder {
    return this.#add(
      'sysctl',
      Object.entries(sysctls).map(([name, value]) => `${name}=${value}`),
    )
  }

  label(labels: Readonly<Record<string, string>>): RunBuilder {
    return this.#add(
      'label',
      Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    )
  }

  /** Runs a small init as process 1, which forwards signals and reaps zombies. */
  init(init = true): RunBuilder {
    return this.#with({ init })
  }

  /** Removes the container when it has ended. */
  rm(rm = true): RunBuilder {
    return this.#with({ rm })
  }

  /** Size of /dev/shm. Default 64m. */
  shmSize(shmSize: number | string): RunBuilder {
    return this.#with({ shmSize })
  }

  stopSignal(stopSignal: string): RunBuilder {
    return this.#with({ stopSignal })
  }

  /** Seconds. Default 10. */
  stopTimeout(stopTimeout: number): RunBuilder {
    return this.#with({ stopTimeout })
  }

  groupAdd(...groups: readonly string[]): RunBuilder {
    return this.#add('groupAdd', groups)
  }

  /** `'name:address'`; the address `host-gateway` is the default bridge's gateway. */
  addHost(...hosts: readonly string[]): RunBuilder {
    return this.#add('addHost', hosts)
  }

  dns(...servers: readonly string[]): RunBuilder {
    return this.#add('dns', servers)
  }

  dnsSearch(...domains: readonly string[]): RunBuilder {
    return this.#add('dnsSearch', domains)
  }

  dnsOption(...options: readonly string[]): RunBuilder {
    return this.#add('dnsOption', options)
  }

  /** `'host'`: the host's processes. */
  pid(pid: string): RunBuilder {
    return this.#with({ pid })
  }

  /** `'private'` (default) or `'host'`. */
  ipc(ipc: string): RunBuilder {
    return this.#with({ ipc })
  }

  /** `'host'`: the host's name. */
  uts(uts: string): RunBuilder {
    return this.#with({ uts })
  }

  cgroupns(cgroupns: 'private' | 'host'): RunBuilder {
    return this.#with({ cgroupns })
  }

  /** -1000 to 1000. */
  oomScoreAdj(oomScoreAdj: number): RunBuilder {
    return this.#with({ oomScoreAdj })
  }

  /** Stops the work when it fires: a start under way, and the container of `output()`. */
  signal(signal: AbortSignal): RunBuilder {
    return new RunBuilder(this.#actions, { ...this.#request, signal })
  }

  /** The request as data. */
  toRequest(): RunRequest {
    return this.#request
  }

  /** Makes the container, and does not start it. */
  create(): Promise<Container> {
    return this.#actions.create(this.#request)
  }

  /**
   * Runs it to its end and gathers its output.
   *
   * @throws {LaunchError} with Docker's exit code, when the program cannot be started
   */
  async output({ stdin, signal = this.#request.signal }: OutputOptions = {}): Promise<RunOutput> {
    const options = stdin === undefined ? this.#request.options : { ...this.#request.options, interactive: true }
    const { container, live } = await this.#actions.run(
      { ...this.#request, options },
      { attached: true, rows: 0, columns: 0 },
    )
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    live.session.listen({ onOutput: (stream, chunk) => void chunks[stream].push(chunk) })
    const onAbort = () => void container.kill().catch(() => {})
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (stdin !== undefined) feed(sessionInput(live.session), stdin)
      if (signal?.aborted) onAbort()
      const result = resultOf(await live.ended())
      signal?.throwIfAborted()
      const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString()
      return { ...result, stdout: text('stdout'), stderr: text('stderr') }
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Runs it with its streams attached from the first byte. */
  async attach(
    size: { rows?: number; columns?: number } = {},
  ): Promise<Attachment & { readonly container: Container }> {
    const streams = { attached: true, rows: size.rows ?? 0, columns: size.columns ?? 0 }
    const { container, live } = await this.#actions.run(this.#request, streams)
    return { ...attachLive(live, { stdin: this.#request.options.interactive ?? false }), container }
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder runs it, by design
  then<A = Container, B = never>(
    onFulfilled?: ((value: Container) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#started ??= this.#detached()
    return this.#started.then(onFulfilled, onRejected)
  }

  async #detached(): Promise<Container> {
    const { container } = await this.#actions.run(this.#request, detachedStreams)
    return container
  }
}

type ListOption =
  | 'env'
  | 'envFile'
  | 'tmpfs'
  | 'volume'
  | 'mount'
  | 'volumesFrom'
  | 'networkAlias'
  | 'publish'
  | 'expose'
  | 'link'
  | 'capAdd'
  | 'capDrop'
  | 'securityOpt'
  | 'ulimit'
  | 'device'
  | 'sysctl'
  | 'label'
  | 'groupAdd'
  | 'addHost'
  | 'dns'
  | 'dnsSearch'
  | 'dnsOption'

function envList(env: EnvInput): string[] {
  if (Array.isArray(env)) return [...env]
  return Object.entries(env).map(([name, value]) => (value === undefined ? name : `${name}=${value}`))
}
