import { randomBytes } from 'node:crypto'
import type { Container } from '../container/container.js'
import { type RunActions, RunBuilder } from '../container/run-builder.js'
import { CleanupError, InvalidStateError } from '../errors/index.js'
import type { CreateNetworkOptions } from '../network/network-options.js'
import type { RunOptions } from '../spec/options.js'
import type { NetworkBuilder } from './network-builder.js'
import type { OpenRoot } from './opening.js'
import type { VolumeBuilder } from './volume-builder.js'
import type { CreateVolumeOptions } from './volume-request.js'

/**
 * Things that are disposed of together, the newest first: `engine.scope()`. Containers, networks and volumes that are made
 * through it are ephemeral besides: they go with the process, however that ends.
 *
 * @example
 * ```ts
 * await using scope = engine.scope()
 * const net = await scope.network()
 * const redis = await scope.run('redis:7').network(net.name)
 * scope.defer(() => console.log('redis is gone'))
 * ```
 */
export class Scope implements AsyncDisposable {
  readonly #root: OpenRoot
  readonly #actions: RunActions
  /** What undoes each thing, the oldest first; of one that is being made, once it is. */
  readonly #undo: (() => unknown)[] = []
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(root: OpenRoot) {
    this.#root = root
    const { actions } = root
    this.#actions = {
      ...actions,
      create: async (request) => this.#keep(() => actions.create(request)),
      run: async (request, streams) =>
        this.#keep(
          () => actions.run(request, streams),
          ({ container }) => container,
        ),
    }
    root.scopes.add(this)
  }

  /**
   * A container to be made, which is ephemeral and removed with the scope: {@link Engine.run}.
   *
   * @throws {InvalidStateError} SCOPE_CLOSED
   *
   * @example
   * ```ts
   * const redis = await scope.run('redis:7').publish('127.0.0.1::6379')
   * ```
   */
  run(image: string, command?: readonly string[], options: RunOptions & { signal?: AbortSignal } = {}): RunBuilder {
    this.#check()
    const { signal, ...rest } = options
    return new RunBuilder(this.#actions, { image, command, options: { ...rest, ephemeral: true }, signal })
  }

  /**
   * A network to be made, which is ephemeral and removed with the scope: {@link Networks.create}.
   *
   * @param name default: `scope-` and random digits
   * @throws {InvalidStateError} SCOPE_CLOSED
   *
   * @example
   * ```ts
   * const net = await scope.network()
   * ```
   */
  network(
    name: string = randomName(),
    options: CreateNetworkOptions & { readonly signal?: AbortSignal } = {},
  ): NetworkBuilder {
    this.#check()
    return this.#root.networks.create(name, { ...options, ephemeral: true }).through(async (make) => this.#keep(make))
  }

  /**
   * A volume to be made, which is ephemeral and removed with the scope: {@link Volumes.create}.
   *
   * @param name default: `scope-` and random digits
   * @throws {InvalidStateError} SCOPE_CLOSED
   *
   * @example
   * ```ts
   * const data = await scope.volume()
   * ```
   */
  volume(
    name: string = randomName(),
    options: CreateVolumeOptions & { readonly signal?: AbortSignal } = {},
  ): VolumeBuilder {
    this.#check()
    return this.#root.volumes.create(name, { ...options, ephemeral: true }).through(async (make) => this.#keep(make))
  }

  /**
   * Has something else disposed of with the scope: anything with `Symbol.asyncDispose` or `Symbol.dispose`, or a promise of it.
   *
   * @returns the thing
   * @throws {InvalidStateError} SCOPE_CLOSED; what the promise rejects with
   *
   * @example
   * ```ts
   * const server = await scope.use(engine.serve({ socket: '/tmp/docker.sock' }))
   * ```
   */
  async use<T extends AsyncDisposable | Disposable>(thing: T | PromiseLike<T>): Promise<T> {
    return this.#keep(async () => thing)
  }

  /**
   * Has a function called, and awaited, when the scope is closed.
   *
   * @throws {InvalidStateError} SCOPE_CLOSED
   *
   * @example
   * ```ts
   * scope.defer(() => rm('/tmp/work', { recursive: true }))
   * ```
   */
  defer(undo: () => unknown): void {
    this.#check()
    this.#undo.push(undo)
  }

  /**
   * Disposes of everything, the newest first, one after the other; all are tried. What is being made is waited for.
   *
   * @throws {CleanupError} CLEANUP_FAILED, with all that has failed as `details.errors`
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#root.scopes.delete(this)
    const errors: unknown[] = []
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw cannotClose(errors)
  }

  /** What is being made has its place in the order from the moment when that begins. */
  #keep<T extends AsyncDisposable | Disposable>(make: () => Promise<T>): Promise<T>
  #keep<T>(make: () => Promise<T>, part: (made: T) => Container): Promise<T>
  #keep<T>(make: () => Promise<T>, part: (made: T) => unknown = (made) => made): Promise<T> {
    this.#check()
    const making = make()
    this.#undo.push(() => making.then((made) => dispose(part(made)), nothing))
    return making
  }

  #check(): void {
    if (this.#closed) throw new InvalidStateError('the scope is closed', { code: 'SCOPE_CLOSED' })
  }
}

const randomName = () => `scope-${randomBytes(6).toString('hex')}`

/** What could not be made leaves nothing, and has been told of. */
function nothing(): void {}

function dispose(thing: unknown): unknown {
  const { [Symbol.asyncDispose]: disposeAsync, [Symbol.dispose]: disposeNow } = thing as Partial<
    AsyncDisposable & Disposable
  >
  return (disposeAsync ?? disposeNow)?.call(thing)
}

function cannotClose(errors: readonly unknown[]): CleanupError {
  const why = errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; ')
  return new CleanupError(`not all of a scope could be disposed of: ${why}`, {
    code: 'CLEANUP_FAILED',
    details: { errors },
  })
}
