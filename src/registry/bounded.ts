import { RegistryError } from '../errors/index.js'

/**
 * All bytes of a stream.
 *
 * @param beyond what to do with a stream of more than `maxBytes`: refuse it, or cut it there
 * @throws {RegistryError} `REGISTRY_INVALID` when it is refused
 */
export async function readWhole(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  beyond: 'refuse' | 'cut' = 'refuse',
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    chunks.push(chunk)
    size += chunk.length
    if (size <= maxBytes) continue
    if (beyond === 'cut') break
    throw new RegistryError(`the registry sent more than the ${maxBytes} bytes that are allowed`, {
      code: 'REGISTRY_INVALID',
      details: { maxBytes },
    })
  }
  return Buffer.concat(chunks).subarray(0, maxBytes)
}
