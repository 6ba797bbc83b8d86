import { Container } from '../container/container.js'
import type { ContainerContext, ContainerSize } from '../container/context.js'
import type { Exec } from '../container/exec-handle.js'
import type { ContainerStatus } from '../container/inspect-state.js'
import type { ContainerPort } from '../container/ports.js'
import { reporting } from '../errors/system.js'
import type { ContainerRecord } from '../store/containers.js'
import type { ContainerFilters, HealthFilter } from './container-filters.js'
import { type ListSources, listContainers } from './container-list.js'
import type { PruneContainersOptions, PrunedContainers } from './container-prune.js'

/** A line of `docker ps`. */
export interface ContainerSummary extends Partial<ContainerSize> {
  readonly id: string
  readonly name: string
  /** The image's name as it was given; its ID where that name is another image's now, or nobody's. */
  readonly image: string
  readonly imageId: string
  readonly command: string
  readonly createdAt: Date
  readonly state: ContainerStatus
  /** As `docker ps` shows it: `Up 5 minutes (healthy)`, `Exited (0) 3 seconds ago`. */
  readonly status: string
  /** `none` without a health check, and before the first run; `unhealthy` after one. */
  readonly health: HealthFilter
  readonly exitCode: number | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Its name, and those that containers of the default bridge that link to it have for it: `web/db`. */
  readonly names: readonly string[]
  /** Names of its networks. */
  readonly networks: readonly string[]
  /** The one that it was made for, or `host`, `container:NAME`. */
  readonly networkMode: string
  /** Its places on its networks, in the order they were connected. */
  readonly endpoints: readonly ContainerSummaryEndpoint[]
  /** What is published, and what is only exposed, while it runs; {@link formatPorts} makes the text of `docker ps` of it. */
  readonly ports: readonly ContainerPort[]
  /** What is mounted in it. */
  readonly mounts: readonly ContainerMount[]
}

/** A container's place on a network; '' and 0 is what it has not, or not while it does not run. */
export interface ContainerSummaryEndpoint {
  /** The network's name. */
  readonly network: string
  readonly networkId: string
  readonly endpointId: string
  /** IPv4. */
  readonly address: string
  readonly prefixLength: number
  readonly gateway: string
  readonly address6: string
  readonly prefixLength6: number
  readonly gateway6: string
  readonly macAddress: string
}

/** What is mounted at a place of a container. */
export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Of a volume. */
  readonly name: string | undefined
  /** The path on the host; of an image its name as it was given; '' for a tmpfs. */
  readonly source: string
  readonly destination: string
  /** Of a volume. */
  readonly driver: string | undefined
  readonly mode: string
  readonly readOnly: boolean
  readonly propagation: string
}

export interface ListOptions {
  /** Also those that do not run. Default false. */
  readonly all?: boolean
  /** Only as many, whether they run or not; default, and when it is not above 0: no limit. */
  readonly limit?: number
  /** Also how much their files are, which takes the longer the more there are. Default false. */
  readonly size?: boolean
  /** Default: none. */
  readonly filters?: ContainerFilters
  readonly signal?: AbortSignal
}

/** The containers of a root. */
export class Containers {
  readonly #context: ContainerContext
  readonly #sources: ListSources

  /** @internal */
  constructor(sources: ListSources) {
    this.#context = sources.context
    this.#sources = sources
  }

  /**
   * A container by name, id, unique prefix of an id, or the name that one that links to it has for it: `web/db`.
   *
   * @throws {NotFoundError} CONTAINER_NOT_FOUND; {ConflictError} AMBIGUOUS_ID
   */
  async get(nameOrId: string): Promise<Container> {
    this.#context.closing.throwIfAborted()
    await this.#context.abandoned.finish()
    return new Container(this.#context, this.#linked(nameOrId) ?? this.#context.containers.find(nameOrId))
  }

  /**
   * A process that was created or started in any of them by `exec()`, by its id.
   *
   * @throws {NotFoundError} EXEC_NOT_FOUND
   *
   * @example
   * ```ts
   * const { Running } = await (await engine.containers.getExec(id)).inspect()
   * ```
   */
  async getExec(id: string): Promise<Exec> {
    this.#context.closing.throwIfAborted()
    const { findExecAnywhere } = await import('../container/exec-handle.js')
    return reporting('cannot find an exec', () => findExecAnywhere(this.#context, id))
  }

  #linked(name: string): ContainerRecord | undefined {
    const [, from = '', alias] = /^\/?([^/]+)\/([^/]+)$/.exec(name) ?? []
    const container = this.#context.containers.getByName(from)
    const link = container && this.#context.networking(container.id).links.find((one) => one.alias === alias)
    return link && this.#context.containers.getByName(link.target)
  }

  /**
   * Newest first, as `docker ps` lists them: those that run, or with `all`, `limit` or the filter `status` also others.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none; {NotFoundError} CONTAINER_NOT_FOUND for the
   *   container of `before` or `since`
   * @see https://docs.docker.com/reference/cli/docker/container/ls/
   *
   * @example
   * ```ts
   * const failed = await engine.containers.list({ all: true, filters: { exited: [1, 137], label: 'stage=ci' } })
   * for (const { name, status } of await engine.containers.list()) console.log(name, status)
   * ```
   */
  async list(options: ListOptions = {}): Promise<ContainerSummary[]> {
    this.#context.closing.throwIfAborted()
    options.signal?.throwIfAborted()
    return reporting('cannot list the containers', () => listContainers(this.#sources, options))
  }

  /**
   * Removes the containers that do not run. Their volumes stay.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * const { spaceReclaimed } = await engine.containers.prune({ filters: { until: '24h', withoutLabel: 'keep' } })
   * ```
   */
  async prune(options: PruneContainersOptions = {}): Promise<PrunedContainers> {
    this.#context.closing.throwIfAborted()
    options.signal?.throwIfAborted()
    const { pruneContainers } = await import('./container-prune.js')
    return reporting('cannot prune the containers', () => pruneContainers(this.#sources, options))
  }
}
