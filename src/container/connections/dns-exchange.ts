import type { Socket } from 'node:net'

/** The longest answer that is read: what it takes to decode one grows with its square. */
const longestAnswer = 8192

/** How a name server did not answer. */
export class DnsFailure extends Error {}

/**
 * Sends messages over a connection and reads as many, each behind its length. Who answers may be anybody.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7766
 */
export function exchange(socket: Socket, messages: readonly Buffer[], timeoutMs: number, signal: AbortSignal) {
  return new Promise<Buffer[]>((resolve, reject) => {
    const answers: Buffer[] = []
    let pending: Buffer = Buffer.alloc(0)
    const settle = (after: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      after()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    const onAbort = () => fail(signal.reason)
    const timer = setTimeout(() => fail(new DnsFailure('it did not answer in time')), timeoutMs)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    socket.on('error', fail)
    socket.on('close', () => fail(new DnsFailure('it closed the connection')))
    socket.on('data', (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      while (pending.length >= 2 && answers.length < messages.length) {
        const length = pending.readUInt16BE(0)
        if (length === 0 || length > longestAnswer) return fail(new DnsFailure(`an answer of ${length} bytes`))
        if (pending.length < 2 + length) return
        answers.push(pending.subarray(2, 2 + length))
        pending = pending.subarray(2 + length)
      }
      if (answers.length === messages.length) settle(() => resolve(answers))
    })
    for (const message of messages) socket.write(message)
  })
}
