import { closeSync, constants, openSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { InvalidStateError } from '../errors/index.js'
import { O_PATH } from '../host/index.js'
import { Session } from '../launch/session.js'
import type { ContainerContext, Live } from './context.js'
import { runDirectory } from './run-directory.js'

/** A dialogue with the supervisor of a running container; undefined when there is none (yet, or any more). */
export function connect(context: Pick<ContainerContext, 'runRoot'>, id: string): Promise<Session | undefined> {
  return connectIn(runDirectory(context.runRoot, id))
}

/** The same, of whatever has that socket in that directory. */
export async function connectIn(directory: string, name = 'sock'): Promise<Session | undefined> {
  const opened = openDirectory(directory)
  if (opened === undefined) return undefined
  try {
    // A socket's address holds only 107 bytes.
    const path = `/proc/self/fd/${opened}/${name}`
    for (const deadline = performance.now() + crowdedPatienceMs; ; await delay(crowdedPauseMs)) {
      const session = await connectTo(path)
      if (session !== 'crowded') return session
      if (performance.now() > deadline) throw tooManyClients(directory)
    }
  } finally {
    closeSync(opened)
  }
}

const crowdedPatienceMs = 10_000
const crowdedPauseMs = 5

/** Crowded: more wait to be accepted than the kernel lets wait, and nothing tells when there are fewer. */
async function connectTo(path: string): Promise<Session | 'crowded' | undefined> {
  const socket = createConnection(path)
  const session = new Session(socket)
  let code: string | undefined
  socket.once('error', (error: NodeJS.ErrnoException) => {
    code = error.code
  })
  const isConnected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
  return isConnected ? session : code === 'EAGAIN' ? 'crowded' : undefined
}

const tooManyClients = (directory: string) =>
  new InvalidStateError('Too many processes talk to the container at once: its supervisor takes no more connections', {
    code: 'TOO_MANY_CLIENTS',
    details: { directory },
  })

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
  // What it tells of this comes after what was told before.
  await context.events.told()
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

interface Shared {
  readonly session: Promise<Session | undefined>
  users: number
}

const shared = new WeakMap<ContainerContext, Map<string, Shared>>()

/** The same, of who only listens: all of this process share a connection, as a supervisor has not room for any number. */
export async function listenToSupervisor<Answer>(
  context: ContainerContext,
  id: string,
  listen: (session: Session) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const one = sharedOf(context, id)
  one.users++
  try {
    const session = await one.session
    return session && (await session.hold(listen(session)))
  } finally {
    if (--one.users === 0) {
      forget(context, id, one)
      void one.session.then((session) => session?.close())
    }
  }
}

function sharedOf(context: ContainerContext, id: string): Shared {
  const all = shared.get(context) ?? new Map<string, Shared>()
  shared.set(context, all)
  const there = all.get(id)
  if (there) return there
  const one: Shared = { session: connect(context, id), users: 0 }
  all.set(id, one)
  // Who comes when that run is over is told of the next one.
  void one.session
    .then((session) => session && Promise.race([session.exited, session.closed]))
    .catch(() => {})
    .then(() => forget(context, id, one))
  return one
}

function forget(context: ContainerContext, id: string, one: Shared): void {
  const all = shared.get(context)
  if (all?.get(id) === one) all.delete(id)
}

/** The run of a container that this process has begun, until its end: the next one may be somebody else's. */
export function liveOf({ live, finishing }: ContainerContext, id: string): Live | undefined {
  return finishing.has(id) ? undefined : live.get(id)
}
