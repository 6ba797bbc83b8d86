import { createPrivateKey, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import { signFlags } from './agent.js'
import { parseOpenSsh } from './openssh-key.js'
import { mpint, string, WireError } from './wire.js'

/** A private key, as an agent has it. */
export interface PrivateKey {
  /** The public key as SSH writes it. */
  readonly blob: Buffer
  readonly comment: string
  /** @returns the signature as SSH writes it. */
  sign(data: Buffer, flags: number): Buffer
}

const opensshHead = '-----BEGIN OPENSSH PRIVATE KEY-----'

/** @param text PEM (PKCS #1, PKCS #8, SEC 1) or OpenSSH's own format, without a passphrase. @throws {Error} it is none */
export function parsePrivateKey(text: Uint8Array): PrivateKey {
  const pem = Buffer.from(text).toString('latin1')
  const { jwk, comment } = pem.includes(opensshHead)
    ? parseOpenSsh(pem)
    : { jwk: createPrivateKey(pem).export({ format: 'jwk' }), comment: '' }
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  return { comment, ...kindOf(jwk, key) }
}

type Kind = Omit<PrivateKey, 'comment'>

function kindOf(jwk: JsonWebKey, key: KeyObject): Kind {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return ed25519(jwk, key)
  if (jwk.kty === 'EC' && jwk.crv !== undefined && Object.hasOwn(curves, jwk.crv))
    return ecdsa(jwk, curves[jwk.crv as keyof typeof curves], key)
  if (jwk.kty === 'RSA') return rsa(jwk, key)
  throw new WireError(`keys of kind ${jwk.kty} ${jwk.crv ?? ''} are not known`)
}

function ed25519(jwk: JsonWebKey, key: KeyObject): Kind {
  const name = 'ssh-ed25519'
  return {
    blob: Buffer.concat([string(name), string(field(jwk.x))]),
    sign: (data) => Buffer.concat([string(name), string(sign(null, data, key))]),
  }
}

const curves = {
  'P-256': { name: 'nistp256', hash: 'sha256', bytes: 32 },
  'P-384': { name: 'nistp384', hash: 'sha384', bytes: 48 },
  'P-521': { name: 'nistp521', hash: 'sha512', bytes: 66 },
} as const

function ecdsa(jwk: JsonWebKey, { name, hash, bytes }: (typeof curves)[keyof typeof curves], key: KeyObject): Kind {
  const type = `ecdsa-sha2-${name}`
  const point = Buffer.concat([Buffer.of(4), padded(field(jwk.x), bytes), padded(field(jwk.y), bytes)])
  return {
    blob: Buffer.concat([string(type), string(name), string(point)]),
    sign(data) {
      const pair = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' })
      const numbers = [pair.subarray(0, bytes), pair.subarray(bytes)].map(mpint)
      return Buffer.concat([string(type), string(Buffer.concat(numbers))])
    },
  }
}

function rsa(jwk: JsonWebKey, key: KeyObject): Kind {
  return {
    blob: Buffer.concat([string('ssh-rsa'), mpint(field(jwk.e)), mpint(field(jwk.n))]),
    sign(data, flags) {
      const [name, hash] = rsaAlgorithm(flags)
      return Buffer.concat([string(name), string(sign(hash, data, key))])
    },
  }
}

/** Without a flag a client asks for SHA-1: what OpenSSH has long refused to verify is not signed for. */
function rsaAlgorithm(flags: number): [name: string, hash: string] {
  if (flags & signFlags.sha512) return ['rsa-sha2-512', 'sha512']
  if (flags & signFlags.sha256) return ['rsa-sha2-256', 'sha256']
  throw new WireError('signatures of RSA with SHA-1 are not made')
}

function field(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url')
}

function padded(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes])
}
