import { randomUUID } from 'node:crypto'
import { closeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY } from '../../host/index.js'
import { type Agent, failure, isAllowed } from './agent.js'
import { MessageSplitter } from './message-splitter.js'
import { string } from './wire.js'

export interface AgentSocketOptions {
  /** That only we can look into. */
  readonly directory: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Where an agent is spoken to. */
export interface AgentSocket {
  readonly path: string
  close(): Promise<void>
}

/** What a program may have open at once. */
const maxConnections = 64

/** Serves an agent on a socket of its own. Who connects is hostile: each has one request at a time, of bounded length. */
export async function serveAgent(
  agent: Agent,
  { directory, mode, uid, gid }: AgentSocketOptions,
): Promise<AgentSocket> {
  const stop = new AbortController()
  const open = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    void serve(agent, socket, stop.signal)
  })
  server.maxConnections = maxConnections
  const name = `agent-${randomUUID()}`
  const path = join(directory, name)
  // A socket's address holds no long path.
  const parent = native().openat2(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, 0)
  const close = async () => {
    stop.abort()
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    closeSync(parent)
    await rm(path, { force: true })
  }
  try {
    await listen(server, `/proc/self/fd/${parent}/${name}`)
    native().chownAt(parent, name, uid, gid)
    native().chmodAt(parent, name, mode)
  } catch (error) {
    await close()
    throw error
  }
  return { path, close }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      server.on('error', () => {})
      resolve()
    })
  })
}

/** Until the client goes, or breaks the protocol. */
async function serve(agent: Agent, socket: Socket, signal: AbortSignal): Promise<void> {
  const splitter = new MessageSplitter()
  try {
    for await (const chunk of socket)
      for (const request of splitter.push(chunk as Buffer)) await send(socket, await answer(agent, request, signal))
  } catch {
    // Nobody is told: the other side is a program of the build's, and gets no more answers.
  } finally {
    socket.destroy()
  }
}

async function answer(agent: Agent, request: Buffer, signal: AbortSignal): Promise<Buffer> {
  if (!isAllowed(request)) return failure
  try {
    return await agent.answer(request, signal)
  } catch {
    return failure
  }
}

/** The next request is read when this is written: who does not read waits. */
function send(socket: Socket, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(string(message), (error) => (error ? reject(error) : resolve()))
  })
}
