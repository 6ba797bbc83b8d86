import type { Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import type { WaitStrategy, WaitTarget } from '../container/wait-strategy.js'
import { isPassing, reasonOf, retry, shortPauses } from '../wait/strategy.js'
import { ownAddress } from './address.js'

/** Options of {@link answers}. */
export interface AnswerOptions {
  /** What is said first. Default: nothing. */
  readonly send?: string | Uint8Array
  /** What has to be answered, a byte being a character. Default: nothing; connections are taken. */
  readonly expect?: RegExp
  /**
   * A name or an address, or `own`: the address that the container has on its network, for servers that listen on 127.0.0.1
   * before they are ready. Default: the container's loopback, then its own addresses.
   */
  readonly host?: string
}

/** So long a server is waited for that takes a connection and then says nothing, or takes none. */
const patienceMs = 2000
/** So long the rest of an answer is waited for. */
const restMs = 100
/** As much of an answer is looked at. */
const mostCharacters = 4096

/**
 * Ready when a server in the container answers as one that is ready does, by its own protocol. Nothing needs to be published, and no
 * program of the image is needed for it.
 *
 * @param port of the container, TCP
 *
 * @example
 * ```ts
 * await engine.run('redis:7').waitFor(answers(6379, { send: 'PING\r\n', expect: /^\+PONG/ }))
 * ```
 */
export function answers(port: number, options: AnswerOptions = {}): WaitStrategy {
  const description = `port ${port} ${options.expect ? 'answering as one that is ready' : 'taking connections'}`
  return {
    description,
    wait: (target) =>
      retry(target, shortPauses, async () => {
        try {
          const said = await ask(target, port, options)
          if (said === undefined) return true
          target.attempted(`port ${port} answers ${JSON.stringify(said.slice(0, 200))}`)
        } catch (error) {
          target.signal.throwIfAborted()
          if (!isOfConnection(error) && !isPassing(error)) throw error
          target.attempted(`port ${port}: ${reasonOf(error)}`)
        }
        return false
      }),
  }
}

/** Nobody listens there yet, he hangs up, or he says nothing for too long. */
const isOfConnection = (error: unknown) =>
  error instanceof Error && ('syscall' in error || ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'))

/** @returns what it says as long as it is not ready */
async function ask(
  { container, signal }: WaitTarget,
  port: number,
  { send, expect, host }: AnswerOptions,
): Promise<string | undefined> {
  const at = host === 'own' ? await ownAddress(container) : host
  const place = { port, ...(at !== undefined && { host: at }) }
  const socket = await container.connect(place, { timeoutMs: patienceMs, signal })
  try {
    if (!expect) return undefined
    if (send !== undefined) socket.write(send)
    return await answerOf(addAbortSignal(signal, socket), expect)
  } finally {
    socket.destroy()
  }
}

async function answerOf(socket: Socket, expect: RegExp): Promise<string | undefined> {
  let said = ''
  socket.setTimeout(patienceMs, () => socket.destroy())
  try {
    for await (const chunk of socket) {
      said += (chunk as Buffer).toString('latin1')
      if (expect.test(said)) return undefined
      if (said.length > mostCharacters) break
      socket.setTimeout(restMs)
    }
  } catch (error) {
    if (said === '') throw error
  }
  return said
}
