import { statSync } from 'node:fs'
import { InvalidStateError } from '../errors/index.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import { linkedSignal } from './abortable.js'
import {
  type Attachment,
  type AttachmentInput,
  type AttachOptions,
  attach,
  attachmentOf,
  isStdinOnce,
  programEnd,
  replay,
  resultOf,
} from './attach.js'
import type { ContainerContext } from './context.js'
import { parseDetachKeys } from './detach-keys.js'
import { logSource } from './logs.js'
import { outcomeOf } from './observe.js'
import { present } from './present.js'
import { isAlive, mayDo } from './states.js'
import { waitEnded } from './wait.js'
import { awaitStart, type EndOf } from './waiting-attachments.js'
import { WaitingSession } from './waiting-session.js'

/**
 * Attaches to a container that does not run: its streams are those of its next start, whoever starts it. One that runs is
 * attached to as it is.
 *
 * @throws {InvalidStateError} INVALID_STATE when it is paused, waits to be started again, or is being removed
 */
export async function attachBeforeStart(
  context: ContainerContext,
  id: string,
  options: AttachOptions,
): Promise<Attachment> {
  options.signal?.throwIfAborted()
  parseDetachKeys(options.detachKeys ?? '')
  const record = context.containers.get(id)
  if (!record) throw noSuchContainer(id)
  const { tty, interactive } = record.config
  const { stdout = true, stderr = true } = options
  const stdin = interactive && (options.stdin ?? true)
  const session = new WaitingSession({ stdin, stdout, stderr, tty }, `${context.root}/containers`)
  const endOf: EndOf = async (live) => {
    const end = await programEnd(live)
    return resultOf(end ? outcomeOf(end) : await waitEnded(context, id))
  }
  const place = awaitStart(context, id, session, endOf)
  const leave = () => place.leave()
  try {
    const now = await present(context, id, options.signal)
    if (isAlive(now.status) && !session.hasBegun) {
      leave()
      const attachment = await attach(context, id, options).catch(unlessEnded)
      return attachment ?? (await attachBeforeStart(context, id, options))
    }
    mayDo('start', now.status, id)
    if (!session.hasBegun) place.look()
    return waiting(context, record, session, { ...options, tty, stdin, stdinOnce: isStdinOnce(record) }, leave)
  } catch (error) {
    leave()
    throw error
  }
}

/** One that has ended since it was looked at does not run, like any other. */
function unlessEnded(error: unknown): undefined {
  const hasEnded = error instanceof InvalidStateError && error.details.from === 'exited'
  if (!hasEnded) throw error
}

function waiting(
  context: ContainerContext,
  record: ContainerRecord,
  session: WaitingSession,
  options: AttachOptions & AttachmentInput,
  leave: () => void,
): Attachment {
  const { id } = record
  context.tell(record, 'attach')
  const before = options.logs ? { before: replay(context, id, loggedBytes(context, id), options) } : {}
  const ended = session.begun.then(async (run) => {
    const result = await run.ended
    await session.emptied()
    return result
  })
  const { signal, unlink } = linkedSignal(options.signal, context.closing)
  const attachment = attachmentOf(context, id, session, ended, { ...options, signal, ...before })
  session.onBroken = () => attachment.detach()
  void attachment.detached.then((isDetached) => {
    unlink()
    if (!isDetached) session.end()
    leave()
  })
  return attachment
}

/** Of the file that the next start goes on with, which counts from its beginning. */
function loggedBytes(context: ContainerContext, id: string): number {
  return statSync(logSource(context, id).path, { throwIfNoEntry: false })?.size ?? 0
}
