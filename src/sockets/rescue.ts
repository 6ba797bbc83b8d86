import { readSync } from 'node:fs'
import type { Socket } from 'node:net'

/**
 * That the other side has closed may be found by writing to it (EPIPE): Node closes the connection at once then, with what was
 * received before and nobody has read. With this, that is given to `take`, before the connection closes.
 *
 * @param take gets each piece, in order; after what was listened to as `data`
 */
export function rescueUnread(socket: Socket, take: (chunk: Buffer) => void): void {
  const destroy = socket._destroy.bind(socket)
  socket._destroy = (error, done) => {
    if ((error as NodeJS.ErrnoException | null)?.code === 'EPIPE') for (const chunk of unread(socket)) take(chunk)
    destroy(error, done)
  }
}

/** What waits in a connection whose other side is closed: the kernel keeps some 200 KiB at most. */
function* unread(socket: Socket): Generator<Buffer> {
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) yield chunk
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd ?? -1
  // What is read of one with TLS would have to be decrypted.
  if (fd < 0 || 'encrypted' in socket) return
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024)
    const length = readNow(fd, chunk)
    if (length === 0) return
    yield chunk.subarray(0, length)
  }
}

/** 0: there is nothing (more). */
function readNow(fd: number, chunk: Buffer): number {
  try {
    return readSync(fd, chunk)
  } catch {
    return 0
  }
}
