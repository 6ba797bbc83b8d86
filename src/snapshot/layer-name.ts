import { InvalidOptionError } from '../errors/index.js'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const nameLength = 26

/**
 * A layer's directory: the first 130 bits of its chain id in base 32. Hexadecimal would not do: overlayfs takes the names
 * of 127 layers, with the rest of its options, in one page.
 *
 * @throws InvalidOptionError when the chain id is not a sha256 digest
 */
export function layerName(chainId: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(chainId)?.[1]
  if (hex === undefined) {
    throw new InvalidOptionError(`${JSON.stringify(chainId)} is not a chain id.`, {
      code: 'INVALID_OPTION',
      details: { chainId },
    })
  }
  let name = ''
  // Digits of 4 bits become digits of 5.
  for (let at = 0, bits = 0, count = 0; name.length < nameLength; at++) {
    bits = ((bits << 4) | Number.parseInt(hex[at] as string, 16)) & 0x1ff
    count += 4
    if (count < 5) continue
    count -= 5
    name += alphabet[(bits >> count) & 31]
  }
  return name
}

/** The layer between an image and its containers' own. */
export function initName(chain: readonly string[]): string {
  const [top] = chain
  return top === undefined ? 'empty-init' : `${layerName(top)}-init`
}

const layerPattern = /^([a-z2-7]{26})(-init)?$/

/** The layer that a directory entry belongs to; undefined when it is something else. */
export function parseLayerName(entry: string): string | undefined {
  return layerPattern.exec(entry)?.[1]
}
