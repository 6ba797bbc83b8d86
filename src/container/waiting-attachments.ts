import { setTimeout as delay } from 'node:timers/promises'
import type { Session } from '../launch/session.js'
import { noSuchContainer } from '../store/containers.js'
import type { ExitResult } from './attach.js'
import type { ContainerContext, StartStreams } from './context.js'
import { connect } from './dialogue.js'
import { isLaunching } from './launching.js'
import { type BegunRun, SharedSession, type WaitingSession } from './waiting-session.js'

/** How a program ends whose supervisor another process has spawned. */
export type EndOf = (session: Session) => Promise<ExitResult>

/** Those who wait for the next start of a container. */
class WaitingAttachments {
  readonly members = new Set<WaitingSession>()
  readonly #context: ContainerContext
  readonly #id: string
  readonly #endOf: EndOf
  #unwatch: (() => void) | undefined
  #isConnecting = false

  constructor(context: ContainerContext, id: string, endOf: EndOf) {
    this.#context = context
    this.#id = id
    this.#endOf = endOf
    this.#unwatch = context.onCommit(() => this.look())
  }

  /** Looks whether it was removed, or started by another process. */
  look(): void {
    const { containers, closing } = this.#context
    if (!this.#unwatch || this.#isConnecting || closing.aborted || isLaunching(this.#context, this.#id)) return
    const progress = containers.progress(this.#id)
    if (progress === undefined) this.fail(noSuchContainer(this.#id))
    else if (progress.startsWith('started ')) void this.#connect().catch((error: unknown) => this.fail(error))
  }

  begin(run: BegunRun): void {
    this.stop()
    new SharedSession(run, this.members)
  }

  fail(error: unknown): void {
    this.stop()
    for (const member of this.members) member.fail(error)
  }

  stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    const all = lists.get(this.#context)
    if (all?.get(this.#id) === this) all.delete(this.#id)
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true
    try {
      const session = await this.#attached()
      if (session && this.#unwatch) this.begin({ session, ended: this.#endOf(session), onLeft: () => session.close() })
      else session?.close()
    } finally {
      this.#isConnecting = false
    }
  }

  /** Undefined: it was over before. */
  async #attached(): Promise<Session | undefined> {
    const { containers } = this.#context
    while (containers.progress(this.#id)?.startsWith('started ')) {
      const session = await connect(this.#context, this.#id)
      session?.send({ type: 'attach', streams: streamsOf(this.members) })
      if (session && (await session.hold(session.attached))) return session
      session?.close()
      // Nothing tells when its supervisor has a socket: it is the matter of a moment.
      await delay(2)
    }
    return undefined
  }
}

const streamsOf = (members: ReadonlySet<WaitingSession>) => ([...members].some(({ hasInput }) => hasInput) ? 7 : 6)

const lists = new WeakMap<ContainerContext, Map<string, WaitingAttachments>>()

/** From here on no start that this process makes is missed. Returns what ends the waiting. */
export function awaitStart(
  context: ContainerContext,
  id: string,
  member: WaitingSession,
  endOf: EndOf,
): { look(): void; leave(): void } {
  const all = lists.get(context) ?? new Map<string, WaitingAttachments>()
  lists.set(context, all)
  const list = all.get(id) ?? new WaitingAttachments(context, id, endOf)
  all.set(id, list)
  list.members.add(member)
  return {
    look: () => list.look(),
    leave() {
      member.leave()
      if (list.members.delete(member) && list.members.size === 0) list.stop()
    },
  }
}

export const isAwaited = (context: ContainerContext, id: string): boolean => lists.get(context)?.has(id) ?? false

/** Those who wait for a start that has begun in this process: nobody else's is theirs. */
export function takeWaiting(context: ContainerContext, id: string): WaitingAttachments | undefined {
  const list = lists.get(context)?.get(id)
  list?.stop()
  return list
}

/** What those who wait make of a start's streams. */
export function attachedStreams(streams: StartStreams, list: WaitingAttachments): StartStreams {
  const size = [...list.members].find((member) => member.size)?.size
  return { ...streams, ...size, attached: true }
}

/** After a start of this process: some may still wait, who did not share in it. */
export const lookForStart = (context: ContainerContext, id: string): void => lists.get(context)?.get(id)?.look()
