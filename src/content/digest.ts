import { createHash, type Hash } from 'node:crypto'
import { InvalidOptionError } from '../errors/index.js'

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly _: 'digest' }

const pattern = /^sha256:[a-f0-9]{64}$/

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && pattern.test(text)
}

/** @throws {InvalidOptionError} `INVALID_OPTION` for anything but a sha256 digest */
export function toDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new InvalidOptionError(
    `invalid digest ${JSON.stringify(text.slice(0, 200))}: only sha256 digests are supported`,
    {
      code: 'INVALID_OPTION',
      details: { digest: text.slice(0, 200) },
    },
  )
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return finishDigest(createHash('sha256').update(bytes))
}

export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest
}

export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}
