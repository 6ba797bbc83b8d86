import { once } from 'node:events'
import { finished } from 'node:stream'
import type { Attachment } from '../../container/attach.js'
import type { Exchange } from '../exchange.js'
import { afterInput, carry, type Dialogue, finish, hijackFor } from './hijacked.js'
import { bytesOf } from './logs.js'

/** What a client wants of a container. */
export interface Wanted {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** Attaches the client's connection to a container, which may not have been started yet. */
export async function attachConnection(exchange: Exchange): Promise<void> {
  if (!exchange.query.flag('stream')) return sendLogged(exchange)
  const wanted = wantedBy(exchange)
  const attachment = await attachmentFor(exchange, wanted)
  const socket = hijackFor(exchange, !attachment.tty)
  await carry(socket, dialogueOf(attachment, wanted, !attachment.tty))
}

/** Without `stream`, what was logged is all. */
async function sendLogged(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const { stdout, stderr } = wantedBy(exchange)
  const container = await engine.containers.get(exchange.parameter('id'))
  const logs = container.logs({ stdout, stderr, signal })
  await logs.check()
  const socket = hijackFor(exchange, !logs.tty)
  for await (const entries of query.flag('logs') ? logs.batches() : [])
    if (!socket.write(bytesOf(entries, {}, !logs.tty))) await once(socket, 'drain', { signal })
  finish(socket)
}

/** What the request asks for. */
export function wantedBy({ query }: Exchange): Wanted {
  return { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') }
}

/** Whoever takes it lets go of the container when the client is gone. */
export async function attachmentFor(exchange: Exchange, wanted: Wanted): Promise<Attachment> {
  const { engine, query, signal } = exchange
  const container = await engine.containers.get(exchange.parameter('id'))
  const detachKeys = query.text('detachKeys')
  const attachment = await container.attach({
    ...wanted,
    logs: query.flag('logs'),
    waitForStart: true,
    ...(detachKeys !== undefined && { detachKeys }),
  })
  // Who waits for its end asks for that.
  attachment.exit.catch(() => {})
  if (signal.aborted) attachment.detach()
  signal.throwIfAborted()
  return attachment
}

/** As under Docker, the end of the client's input is the program's only of one made for that; any other is let go of then. */
export function dialogueOf(attachment: Attachment, wanted: Wanted, isMultiplexed: boolean): Dialogue {
  const { stdin, stdout, stderr, tty, stdinOnce } = attachment
  const letGo = () => afterInput(stdin, () => attachment.detach())
  return {
    outputs: { stdout, stderr },
    stdin: wanted.stdin ? stdin : undefined,
    isMultiplexed,
    over: (delivered) => delivered,
    onInputEnd() {
      if (!wanted.stdin) return
      if (stdinOnce && !tty) stdin.end()
      else letGo()
    },
    onGone() {
      if (!wanted.stdin || !stdinOnce || tty) return letGo()
      // What the client has sent is the program's still.
      finished(stdin, () => attachment.detach())
      stdin.end()
    },
  }
}
