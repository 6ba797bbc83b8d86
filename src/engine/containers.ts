import { Container } from '../container/container.js'
import type { ContainerContext } from '../container/context.js'
import { exposedPortsOf, inspectContainer } from '../container/inspect.js'
import { type ContainerPort, reachablePorts } from '../container/ports.js'
import { settle } from '../container/settle.js'
import { reporting } from '../errors/system.js'
import type { ContainerRecord } from '../store/containers.js'

/** A line of `docker ps`. */
export interface ContainerSummary {
  readonly id: string
  readonly name: string
  /** The image's name as it was given. */
  readonly image: string
  readonly imageId: string
  readonly command: string
  readonly createdAt: Date
  readonly state: 'created' | 'running' | 'exited' | 'removing'
  readonly exitCode: number | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Its name, and those that containers of the default bridge that link to it have for it: `web/db`. */
  readonly names: readonly string[]
  /** Names of its networks. */
  readonly networks: readonly string[]
  /** What is published, and what is only exposed, while it runs; {@link formatPorts} makes the text of `docker ps` of it. */
  readonly ports: readonly ContainerPort[]
}

export interface ListOptions {
  /** Also those that do not run. Default false. */
  readonly all?: boolean
}

/** The containers of a root. */
export class Containers {
  readonly #context: ContainerContext

  /** @internal */
  constructor(context: ContainerContext) {
    this.#context = context
  }

  /**
   * A container by name, id, unique prefix of an id, or the name that one that links to it has for it: `web/db`.
   *
   * @throws {NotFoundError} CONTAINER_NOT_FOUND; {ConflictError} AMBIGUOUS_ID
   */
  async get(nameOrId: string): Promise<Container> {
    this.#context.closing.throwIfAborted()
    return new Container(this.#context, this.#linked(nameOrId) ?? this.#context.containers.find(nameOrId))
  }

  #linked(name: string): ContainerRecord | undefined {
    const [, from = '', alias] = /^\/?([^/]+)\/([^/]+)$/.exec(name) ?? []
    const container = this.#context.containers.getByName(from)
    const link = container && this.#context.networking(container.id).links.find((one) => one.alias === alias)
    return link && this.#context.containers.getByName(link.target)
  }

  /** Newest first, as `docker ps` lists them. */
  async list({ all = false }: ListOptions = {}): Promise<ContainerSummary[]> {
    this.#context.closing.throwIfAborted()
    const lines: ContainerSummary[] = []
    for (const record of this.#context.containers.list()) {
      const observed = await reporting('cannot list the containers', () => settle(this.#context, record))
      const now = this.#context.containers.get(record.id)
      if (!observed || !now) continue
      const image = this.#context.inspectImage(now)
      const networking = this.#context.networking(now.id)
      const { root, runRoot, mountpointOf } = this.#context
      const { State, Path, Args, Config } = inspectContainer(now, observed, image, {
        root,
        runRoot,
        networking,
        mountpointOf,
      })
      if (!all && !State.Running) continue
      lines.push({
        id: now.id,
        name: now.name,
        image: now.reference,
        imageId: now.image,
        command: [Path, ...Args].join(' '),
        createdAt: new Date(now.createdAtMs),
        state: State.Status,
        exitCode: State.Status === 'exited' ? State.ExitCode : undefined,
        labels: Config.Labels,
        names: [now.name, ...networking.linkedFrom.map(({ container, alias }) => `${container}/${alias}`).sort()],
        networks: networking.endpoints.map(({ networkName }) => networkName),
        ports: reachablePorts(networking, exposedPortsOf(now, image)),
      })
    }
    return lines
  }
}
