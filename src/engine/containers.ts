import { Container } from '../container/container.js'
import type { ContainerContext } from '../container/context.js'
import { inspectContainer } from '../container/inspect.js'
import { settle } from '../container/settle.js'
import { reporting } from '../errors/system.js'

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
   * A container by name, id, or unique prefix of an id.
   *
   * @throws {NotFoundError} CONTAINER_NOT_FOUND; {ConflictError} AMBIGUOUS_ID
   */
  async get(nameOrId: string): Promise<Container> {
    this.#context.closing.throwIfAborted()
    return new Container(this.#context, this.#context.containers.find(nameOrId))
  }

  /** Newest first, as `docker ps` lists them. */
  async list({ all = false }: ListOptions = {}): Promise<ContainerSummary[]> {
    this.#context.closing.throwIfAborted()
    const lines: ContainerSummary[] = []
    for (const record of this.#context.containers.list()) {
      const observed = await reporting('cannot list the containers', () => settle(this.#context, record))
      const now = this.#context.containers.get(record.id)
      if (!observed || !now) continue
      const { State, Path, Args, Config } = inspectContainer(
        now,
        observed,
        this.#context.inspectImage(now),
        this.#context,
      )
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
      })
    }
    return lines
  }
}
