import { connect, type Socket } from 'node:net'
import type { Agent } from './agent.js'
import { MessageSplitter } from './message-splitter.js'
import { string, WireError } from './wire.js'

/** An agent of the host, by its socket. Each request has a connection of its own: nothing that a program sends outlives it. */
export class ForwardedAgent implements Agent {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async answer(request: Buffer, signal: AbortSignal): Promise<Buffer> {
    const socket = connect(this.#path)
    const abort = () => socket.destroy()
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      socket.write(string(request))
      return await firstMessage(socket)
    } finally {
      signal.removeEventListener('abort', abort)
      socket.destroy()
    }
  }
}

async function firstMessage(socket: Socket): Promise<Buffer> {
  const splitter = new MessageSplitter()
  for await (const chunk of socket) for (const message of splitter.push(chunk as Buffer)) return message
  throw new WireError('the agent has hung up')
}
