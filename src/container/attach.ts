import type { Session } from '../launch/session.js'
import type { Outcome } from '../store/containers.js'
import { invalidState } from './container-errors.js'
import type { ContainerContext, Live } from './context.js'
import { outcomeOf } from './observe.js'
import { signalName } from './signals.js'
import { type SessionStreams, sessionStreams } from './streams.js'
import { connect } from './wait.js'

/** How a program ended: its own exit code, or 128 + the signal that killed it. */
export interface ExitResult {
  readonly exitCode: number
  /** The signal that ended it, such as `SIGKILL`. */
  readonly signal: string | undefined
  /** The kernel killed it for lack of memory. */
  readonly oomKilled: boolean
}

/** The streams of a container's first process. */
export interface Attachment extends SessionStreams {
  /** Resolves when the program has ended and all its output was delivered. */
  readonly exit: Promise<ExitResult>
  /** Sets the size of the terminal. */
  resize(rows: number, columns: number): void
  /** Lets go; the container runs on. */
  detach(): void
}

/** Attaches to the first process of a running container, whoever started it. */
export async function attach(
  context: ContainerContext,
  id: string,
  options: { tty: boolean; stdin: boolean },
): Promise<Attachment> {
  const session = await connect(context, id)
  if (!session)
    throw invalidState(`You cannot attach to a stopped container, start it first: ${id}`, {
      container: id,
      from: 'exited',
      to: 'attached',
    })
  session.send({ type: 'attach', streams: options.stdin ? 7 : 6 })
  await session.attached
  const ended = session.exited.then(async (frame) =>
    resultOf(frame ? outcomeOf(frame, await session.hello) : undefined),
  )
  const exit = session.hold(ended)
  return attachment(session, options.stdin, exit, () => session.close())
}

/** The attachment that a start was made with. */
export function attachLive(live: Live, options: { stdin: boolean }): Attachment {
  return attachment(live.session, options.stdin, live.ended().then(resultOf), () =>
    live.session.listen({ onOutput: () => {} }),
  )
}

function attachment(session: Session, stdin: boolean, exit: Promise<ExitResult>, detach: () => void): Attachment {
  // Who reads only the streams must not be ended by an engine that is closed meanwhile.
  exit.catch(() => {})
  return {
    ...sessionStreams(session, stdin),
    exit,
    resize: (rows, columns) => void session.send({ type: 'resize', rows, columns }),
    detach,
  }
}

export function resultOf(outcome: Outcome | undefined): ExitResult {
  return {
    exitCode: outcome?.exitCode ?? 137,
    signal: outcome?.signal ? signalName(outcome.signal) : undefined,
    oomKilled: outcome?.oomKilled ?? false,
  }
}
