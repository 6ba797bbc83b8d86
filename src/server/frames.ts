/**
 * Docker's framing of two streams in one: a byte that says which, three of zeros, the length as four bytes, then so many bytes.
 *
 * @see https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerAttach
 */
export function frame(
  stream: 'stdout' | 'stderr' | 'systemerr',
  chunk: Uint8Array,
): [header: Buffer, chunk: Uint8Array] {
  const header = Buffer.alloc(8)
  header[0] = streamNumbers[stream]
  header.writeUInt32BE(chunk.length, 4)
  return [header, chunk]
}

const streamNumbers = { stdout: 1, stderr: 2, systemerr: 3 } as const

export const rawStream = 'application/vnd.docker.raw-stream'
export const multiplexedStream = 'application/vnd.docker.multiplexed-stream'
