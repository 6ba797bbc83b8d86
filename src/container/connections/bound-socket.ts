import type { Socket } from 'node:net'
import type { ContainerContext } from '../context.js'
import { endWithRun } from './run-bound.js'

/** So long what has come before the end can be read by who is about to. */
const readingMs = 100
/** The same by who has not begun to, or reads slowly. */
const slowReadingMs = 5000

/** Has a connection end with the run of its container, if it does not by itself. */
export function bindToRun(context: ContainerContext, id: string, attempt: number, socket: Socket): Socket {
  const unbind = endWithRun(context, id, attempt, (why) => {
    if (why === 'closed') socket.destroy()
    else destroyLater(socket, readingMs)
  })
  socket.once('close', unbind)
  return socket
}

/** The program's last words have come by now: they are for who reads. */
function destroyLater(socket: Socket, ms: number): void {
  const timer = setTimeout(() => {
    const isUnread = socket.readableLength > 0 || socket.isPaused()
    if (isUnread && ms < slowReadingMs) destroyLater(socket, slowReadingMs)
    else socket.destroy()
  }, ms)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}
