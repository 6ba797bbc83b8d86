import { closeSync, constants, openSync } from 'node:fs'
import { createConnection } from 'node:net'
import { O_PATH } from '../host/index.js'
import { Session } from '../launch/session.js'
import type { ContainerContext, Live } from './context.js'
import { runDirectory } from './run-directory.js'

/** A dialogue with the supervisor of a running container; undefined when there is none (yet, or any more). */
export function connect(context: Pick<ContainerContext, 'runRoot'>, id: string): Promise<Session | undefined> {
  return connectIn(runDirectory(context.runRoot, id))
}

/** The same, of whatever has its socket in that directory. */
export async function connectIn(directory: string): Promise<Session | undefined> {
  const opened = openDirectory(directory)
  if (opened === undefined) return undefined
  try {
    // A socket's address holds only 107 bytes.
    const socket = createConnection(`/proc/self/fd/${opened}/sock`)
    const session = new Session(socket)
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('close', () => resolve(false))
    })
    return connected ? session : undefined
  } finally {
    closeSync(opened)
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Asks something of a container's supervisor: over the connection that we have, or one for the purpose.
 *
 * @returns undefined when there is no supervisor (any more), or it has gone before it answered
 */
export async function askSupervisor<Answer>(
  context: ContainerContext,
  id: string,
  ask: (session: Session) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const live = liveOf(context, id)
  if (live && !live.session.carriesStreams) return live.session.hold(ask(live.session))
  const session = await connect(context, id)
  if (!session) return undefined
  try {
    return await session.hold(ask(session))
  } finally {
    session.close()
  }
}

/** The run of a container that this process has begun, until its end: the next one may be somebody else's. */
export function liveOf({ live, finishing }: ContainerContext, id: string): Live | undefined {
  return finishing.has(id) ? undefined : live.get(id)
}
