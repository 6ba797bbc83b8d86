import { createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import { InvalidStateError, LaunchError } from '../errors/index.js'
import { native, supervisorExecutable } from '../host/index.js'
import type { FailedFrame } from '../launch/protocol.gen.js'
import { Session } from '../launch/session.js'
import { compileKeeper } from '../launch/undo-plan.js'
import type { EphemeralKind, EphemeralStore, EphemeralThing } from '../store/ephemeral.js'

export interface OwnerInput {
  readonly runRoot: string
  readonly store: EphemeralStore
  /** What is to be undone of the root itself when nobody has it open any more. */
  rootPlan(): Uint8Array
  /** Loads what removes its things, before there are any: whoever runs this process may load nothing any more when it ends. */
  loadRemoval(): Promise<unknown>
}

interface Begun {
  readonly lock: number
  alive: number | undefined
  keeper: { readonly session: Session; readonly gone: Promise<void> } | undefined
}

/**
 * What an engine's ephemeral things belong to. Its directory `runRoot/owners/ID` has two locks: `alive`, which this process
 * alone holds, tells everybody whether it lives; `lock` is held, beyond that, by its *keeper*: a small process that waits for the
 * end of this one, then executes the plans in the directory `undo`, one for each thing. A plan is there before its thing is, and
 * goes when that has gone, so that a change costs the same however many there are. A keeper that dies is followed by another one.
 */
export class Owner {
  readonly id = randomBytes(16).toString('hex')
  readonly #input: OwnerInput
  readonly #directory: string
  readonly #making = new Set<Promise<unknown>>()
  /** Containers whose records are deleted. */
  readonly #released: string[] = []
  #begun: Promise<Begun> | undefined
  #isLeaving = false
  #hasLeft = false

  constructor(input: OwnerInput) {
    this.#input = input
    this.#directory = ownerDirectory(input.runRoot, this.id)
  }

  /** Whether it has had something. */
  get hasBegun(): boolean {
    return this.#begun !== undefined
  }

  /**
   * Makes something that belongs to it; its keeper is there by then.
   *
   * @throws {InvalidStateError} ENGINE_CLOSED when its things are being removed already
   */
  async making<Result>(make: () => Promise<Result>): Promise<Result> {
    if (this.#isLeaving) throw new InvalidStateError('the engine is being closed', { code: 'ENGINE_CLOSED' })
    const made = this.#begin().then(make)
    this.#making.add(made)
    try {
      return await made
    } finally {
      this.#making.delete(made)
    }
  }

  /** Has a thing undone that is about to be made. */
  cover(thing: EphemeralThing, plan: Uint8Array): void {
    failpoint('owner.cover')
    this.#forget()
    // One who is killed while he writes leaves no plan, and no thing.
    writeFileSync(undoFile(this.#input.runRoot, this.id, thing), plan, { mode: 0o600 })
  }

  /**
   * The record of a container of its own is being deleted: what is left of it may still go. Its id is nobody else's, ever, so that its
   * plan may stay until somebody looks.
   */
  release(id: string): void {
    this.#released.push(id)
  }

  /** Plans of containers of which nothing is left: as many as are made, and some. */
  #forget(): void {
    for (const id of this.#released.splice(0, forgottenAtOnce)) {
      if (existsSync(`${this.#input.runRoot}/${id}`)) this.#released.push(id)
      else this.uncover({ kind: 'container', id })
    }
  }

  /** A thing was not made. */
  uncover(thing: EphemeralThing): void {
    rmSync(undoFile(this.#input.runRoot, this.id, thing), { force: true })
  }

  /** Has the root undone in another way from now on. */
  coverRoot(): void {
    const aside = `${this.#directory}/undo/.new-root`
    writeFileSync(aside, this.#input.rootPlan(), { mode: 0o600 })
    renameSync(aside, this.#rootFile)
  }

  /** Records a thing as its own, in the transaction that records the thing. */
  own(thing: EphemeralThing): void {
    this.#input.store.insert(thing, this.id)
  }

  /** Whether a thing is its own. */
  has({ kind, id }: EphemeralThing): boolean {
    return this.hasBegun && this.#input.store.ownerOf(kind, id) === this.id
  }

  /** Nothing is made any more; resolves when what is being made is. */
  async leaving(): Promise<void> {
    this.#isLeaving = true
    await Promise.allSettled(this.#making)
  }

  /** What it has now. */
  things(kind: EphemeralKind): string[] {
    return this.hasBegun ? this.#input.store.of(this.id, kind) : []
  }

  /** Dismisses its keeper, who tries in his way what could not be removed. Whoever sees what is recorded still removes it. */
  async leave(): Promise<void> {
    const begun = await this.#begun?.catch(() => undefined)
    if (!begun || this.#hasLeft) return
    this.#hasLeft = true
    // This engine itself does it, or another one that has the root open.
    rmSync(this.#rootFile, { force: true })
    await this.#end(begun)
  }

  get #rootFile(): string {
    return `${this.#directory}/undo/4-root`
  }

  #begin(): Promise<Begun> {
    this.#begun ??= this.#open().catch((error: unknown) => {
      this.#begun = undefined
      throw error
    })
    return this.#begun
  }

  /** Of what is made before the keeper is there, nothing is left by who is killed: not even a name. */
  async #open(): Promise<Begun> {
    failpoint('owner.begin')
    const { runRoot } = this.#input
    mkdirSync(`${runRoot}/owners`, { recursive: true, mode: 0o700 })
    const begun: Begun = { lock: this.#makeLock(), alive: undefined, keeper: undefined }
    try {
      await Promise.all([this.#spawnKeeper(begun), this.#input.loadRemoval()])
      begun.alive = openSync(`${this.#directory}/alive`, 'w', 0o600)
      native().flock(begun.alive, 'exclusive', true)
      this.coverRoot()
      return begun
    } catch (error) {
      await this.#end(begun)
      throw error
    }
  }

  #makeLock(): number {
    try {
      const lock = openSync(`${this.#input.runRoot}/owners`, O_TMPFILE | constants.O_RDWR, 0o600)
      native().flock(lock, 'exclusive', true)
      return lock
    } catch (error) {
      if (!['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes((error as { code?: string }).code ?? '')) throw error
      return native().makeLockedDirectory(this.#directory)
    }
  }

  async #end({ lock, alive, keeper }: Begun): Promise<void> {
    keeper?.session.close()
    await keeper?.gone
    await native().removeTree(this.#directory)
    if (alive !== undefined) closeSync(alive)
    closeSync(lock)
  }

  async #spawnKeeper(begun: Begun): Promise<void> {
    failpoint('owner.keeper')
    const plan = compileKeeper(this.#directory, this.#input.runRoot)
    const { pid, status } = await native().spawn(supervisorExecutable(), 'inboard-supervisor', plan, begun.lock, [])
    const session = Session.fromDescriptor(status)
    const gone = session.closed
      .then(() => native().reap(pid))
      // Somebody else in this process has reaped it: it has gone all the same.
      .then(ignore, ignore)
    begun.keeper = { session, gone }
    if (this.#hasLeft) session.close()
    const started = await session.started
    session.unref()
    if (started?.kind !== 'started' && !this.#hasLeft) throw cannotKeep(started?.failure)
    void session.closed.then(() => this.#replace(begun, session))
  }

  /** A keeper that was killed. */
  async #replace(begun: Begun, { released }: Session): Promise<void> {
    for (let pauseMs = 1; !released && !this.#hasLeft; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await this.#spawnKeeper(begun)
      } catch {
        // For lack of memory or processes.
        await delay(pauseMs, undefined, { ref: false })
      }
    }
  }
}

const longestPauseMs = 10_000
const forgottenAtOnce = 4
/** openat(2): a file without a name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

function cannotKeep(failure: FailedFrame | undefined): LaunchError {
  const why = failure ? `${failure.text}: error ${failure.errno}` : 'it has ended'
  return new LaunchError(`the process that ends what is ephemeral cannot be started: ${why}`, {
    code: 'LAUNCH_FAILED',
    details: { errno: failure?.errno },
  })
}

function ignore(): void {}

export const ownerDirectory = (runRoot: string, owner: string): string => `${runRoot}/owners/${owner}`

const turns = { container: 1, network: 2, volume: 3 } as const

/** The plan that undoes a thing of an owner. Names of volumes may be as long as those of files. */
export function undoFile(runRoot: string, owner: string, { kind, id }: EphemeralThing): string {
  const name = kind === 'volume' ? createHash('sha256').update(id).digest('hex') : id
  return `${ownerDirectory(runRoot, owner)}/undo/${turns[kind]}-${name}`
}

/** Whether the process lives that has made it. */
export const isAlive = (runRoot: string, owner: string): boolean =>
  native().isLocked(`${ownerDirectory(runRoot, owner)}/alive`) === true

/** Whether what it had is being undone, or it lives. */
export const isHeld = (runRoot: string, owner: string): boolean =>
  native().isLocked(`${ownerDirectory(runRoot, owner)}/lock`) === true
