import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { attachmentFor, dialogueOf, wantedBy } from './attach.js'
import { Delivery } from './delivery.js'
import type { Dialogue } from './hijacked.js'

/** Bytes of a message: more is typed by nobody. */
const largestMessage = 1024 * 1024

/** Attaches a web socket to a container. Its messages are the program's bytes, of both outputs alike. */
export async function attachWebSocket(exchange: Exchange): Promise<void> {
  if (!/^websocket$/i.test(exchange.header('upgrade') ?? '') || !exchange.header('sec-websocket-key'))
    throw new ApiError(400, 'this is for web sockets: the request asks for no upgrade to one')
  const wanted = exchange.minor >= 42 ? wantedBy(exchange) : { stdin: true, stdout: true, stderr: true }
  const attachment = await attachmentFor(exchange, wanted)
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ noServer: true, maxPayload: largestMessage, perMessageDeflate: false })
  const socket = exchange.takeOver()
  const connected = new Promise<WebSocket | undefined>((resolve) => {
    socket.once('close', () => resolve(undefined))
    server.handleUpgrade(exchange.request, socket, Buffer.alloc(0), resolve)
  })
  const webSocket = await connected
  if (!webSocket) return attachment.detach()
  await carry(webSocket, socket, dialogueOf(attachment, wanted, false), exchange.minor >= 28)
}

async function carry(webSocket: WebSocket, socket: Socket, dialogue: Dialogue, binary: boolean): Promise<void> {
  const sink = {
    write(chunk: Uint8Array) {
      webSocket.send(chunk, { binary })
      return !socket.writableNeedDrain
    },
    onDrain: (listener: () => void) => void socket.once('drain', listener),
  }
  const delivery = new Delivery(sink, dialogue.outputs, dialogue.isMultiplexed)
  const gone = new Promise<void>((resolve) => {
    webSocket.once('close', () => {
      delivery.drop()
      dialogue.onInputEnd()
      dialogue.onGone()
      resolve()
    })
  })
  // What is wrong with its messages closes it.
  webSocket.on('error', () => {})
  takeInput(webSocket, dialogue)
  await Promise.race([dialogue.over(delivery.ended), gone])
  webSocket.close(1000)
}

function takeInput(webSocket: WebSocket, { stdin }: Dialogue): void {
  webSocket.on('message', (message: Buffer) => {
    if (!stdin || stdin.destroyed || stdin.write(message)) return
    webSocket.pause()
    stdin.once('drain', () => webSocket.resume())
    stdin.once('close', () => webSocket.resume())
  })
}
