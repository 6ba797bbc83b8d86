import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { rescueUnread } from '../../sockets/rescue.js'
import type { Exchange } from '../exchange.js'
import { multiplexedStream, rawStream } from '../frames.js'
import { Delivery, type Outputs, type Sink } from './delivery.js'

/** So long a client may take to close its side when it has been told everything. */
const closingMs = 10_000

/** A program's streams, as a connection carries them. */
export interface Dialogue {
  readonly outputs: Outputs
  /** undefined: what the client sends is nobody's. */
  readonly stdin: Writable | undefined
  readonly isMultiplexed: boolean
  /** Resolves when there is nothing more to tell. @param delivered resolves when all output has been brought */
  over(delivered: Promise<void>): Promise<unknown>
  /** The client has closed its side: no more input comes. */
  onInputEnd(): void
  /** The client is gone. */
  onGone(): void
}

/** Takes a connection for streams. From 1.42 on its type says whether they are multiplexed. */
export function hijackFor(exchange: Exchange, isMultiplexed: boolean): Socket {
  const isTold = isMultiplexed && exchange.minor >= 42 && exchange.header('upgrade') !== undefined
  return exchange.hijack({ 'Content-Type': isTold ? multiplexedStream : rawStream })
}

/** Carries a program's streams over a connection, until there is no more or the client is gone. Then it is closed. */
export async function carry(socket: Socket, dialogue: Dialogue): Promise<void> {
  const delivery = new Delivery(sinkOf(socket), dialogue.outputs, dialogue.isMultiplexed)
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => {
      delivery.drop()
      dialogue.onGone()
      resolve()
    })
  })
  takeInput(socket, dialogue)
  await Promise.race([dialogue.over(delivery.ended), gone])
  finish(socket)
}

const sinkOf = (socket: Socket): Sink => ({
  write: (chunk) => socket.write(chunk),
  onDrain: (listener) => void socket.once('drain', listener),
})

function takeInput(socket: Socket, { stdin, onInputEnd }: Dialogue): void {
  socket.once('end', () => {
    onInputEnd()
    noticeLeaving(socket)
  })
  if (!stdin) return void socket.resume()
  // What it has sent before it left is the program's.
  rescueUnread(socket, (chunk) => void (stdin.destroyed || stdin.write(chunk)))
  socket.pipe(stdin, { end: false })
  // What is sent to a program that has ended is nobody's.
  stdin.once('close', () => socket.unpipe(stdin).resume())
}

/** So long a program is given to take what a client had sent before it left. */
const takingMs = 10_000

/** Acts once the program has been given all that the client had sent, or takes nothing. */
export function afterInput(stdin: Writable, act: () => void): void {
  if (stdin.writableLength === 0) {
    act()
    return
  }
  const timer = setTimeout(act, takingMs).unref()
  stdin.write(Buffer.alloc(0), () => {
    clearTimeout(timer)
    act()
  })
}

/** So often it is looked whether a client that sends no more is there still. */
const lookingMs = 10_000

/** A client that is gone looks like one that has only closed its side, until something is written: nothing is enough. */
function noticeLeaving(socket: Socket): void {
  const look = () => socket.writable && socket.write(Buffer.alloc(0))
  const timer = setInterval(look, lookingMs).unref()
  socket.once('close', () => clearInterval(timer))
  look()
}

/** Closed once the client has closed its side, too: what it has sent and nobody has read would reset the connection. */
export function finish(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded) return
  const timer = setTimeout(() => socket.destroy(), closingMs).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.end()
  socket.resume()
}
