import { createHash } from 'node:crypto'

/**
 * The chain ids of a stack of layers, bottom first: the first is the first diff id itself, each further one the digest
 * of the previous chain id, a space and the diff id.
 * @see https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
 *
 * @example
 * ```ts
 * const chain = chainIds(config.rootfs.diff_ids)
 * const top = chain.at(-1)
 * ```
 */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`))
  }
  return chain
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
