import { Readable, Writable } from 'node:stream'
import type { Session } from '../launch/session.js'

/** The streams of an attached session. */
export interface SessionStreams {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

/**
 * Node streams over a session: reading slowly makes the supervisor hold the output back (in a file), writing is as fast as
 * the program reads.
 */
export function sessionStreams(session: Session, hasStdin: boolean): SessionStreams {
  const full = new Set<Readable>()
  const output = () => {
    const stream: Readable = new Readable({
      read() {
        if (full.delete(stream) && full.size === 0) session.resume()
      },
    })
    return stream
  }
  const stdout = output()
  const stderr = output()
  session.listen({
    onOutput(name, chunk) {
      const stream = name === 'stdout' ? stdout : stderr
      if (stream.destroyed || stream.push(chunk)) return
      full.add(stream)
      session.pause()
    },
  })
  const end = () => {
    for (const stream of [stdout, stderr]) if (!stream.readableEnded) stream.push(null)
    stdin.destroy()
  }
  const stdin = hasStdin ? sessionInput(session) : new Writable({ write: (_chunk, _encoding, done) => done() })
  session.exited.then(end)
  return { stdin, stdout, stderr }
}

// A frame larger than this would keep the supervisor's other frames waiting.
const stdinFrameBytes = 32 * 1024

/** The program's stdin: a write is done when the supervisor's socket took it. */
export function sessionInput(session: Session): Writable {
  const stdin = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += stdinFrameBytes)
        session.send({ type: 'stdin', data: chunk.subarray(at, at + stdinFrameBytes) })
      session.drained().then(() => done())
    },
    final(done) {
      session.send({ type: 'stdinEnd' })
      done()
    },
  })
  // The program may end before it has read everything: that is no error of the writer's.
  stdin.on('error', () => {})
  return stdin
}

/** Gives a program all of its input, at the pace it takes it. */
export function feed(target: Writable, source: string | Uint8Array | Readable): void {
  if (typeof source === 'string' || source instanceof Uint8Array) target.end(source)
  else source.pipe(target)
}

/** Gathers a stream's bytes. */
export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
