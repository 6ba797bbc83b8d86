import type { JsonWebKey } from 'node:crypto'
import { WireError, WireReader } from './wire.js'

const magic = Buffer.from('openssh-key-v1\0', 'latin1')

/** A private key in OpenSSH's own format (PROTOCOL.key). @throws {WireError} it is none, or has a passphrase */
export function parseOpenSsh(pem: string): { jwk: JsonWebKey; comment: string } {
  const [, base64 = ''] = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END/.exec(pem) ?? []
  const reader = new WireReader(Buffer.from(base64, 'base64'))
  if (!reader.take(magic.length).equals(magic)) throw new WireError('the key is not in the format of OpenSSH')
  if (reader.text() !== 'none') throw new WireError('the key has a passphrase')
  reader.string() // How a passphrase would be used, and with what.
  reader.string()
  if (reader.uint32() !== 1) throw new WireError('the file has several keys')
  reader.string() // The public key, which is also part of the private one.
  return parsePrivate(new WireReader(reader.string()))
}

function parsePrivate(reader: WireReader): { jwk: JsonWebKey; comment: string } {
  const checks = [reader.uint32(), reader.uint32()]
  if (checks[0] !== checks[1]) throw new WireError('the key is damaged')
  const jwk = keyOfType(reader.text(), reader)
  return { jwk, comment: reader.text() }
}

function keyOfType(type: string, reader: WireReader): JsonWebKey {
  switch (type) {
    case 'ssh-ed25519': {
      const x = reader.string()
      // The seed, then the public key again.
      return { kty: 'OKP', crv: 'Ed25519', x: encoded(x), d: encoded(reader.string().subarray(0, 32)) }
    }
    case 'ecdsa-sha2-nistp256':
      return ecKey('P-256', 32, reader)
    case 'ecdsa-sha2-nistp384':
      return ecKey('P-384', 48, reader)
    case 'ecdsa-sha2-nistp521':
      return ecKey('P-521', 66, reader)
    case 'ssh-rsa':
      return rsaKey(reader)
    default:
      throw new WireError(`keys of type ${JSON.stringify(type.slice(0, 100))} are not known`)
  }
}

function ecKey(crv: string, bytes: number, reader: WireReader): JsonWebKey {
  reader.string() // The curve's name.
  const point = reader.string()
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) throw new WireError('the key is damaged')
  const d = reader.mpint()
  if (d.length > bytes) throw new WireError('the key is damaged')
  const padded = Buffer.concat([Buffer.alloc(bytes - d.length), d])
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)]
  return { kty: 'EC', crv, x: encoded(x), y: encoded(y), d: encoded(padded) }
}

function rsaKey(reader: WireReader): JsonWebKey {
  const [n, e, d, qi, p, q] = [1, 2, 3, 4, 5, 6].map(() => reader.mpint()) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ]
  const numbers = { n, e, d, p, q, qi, dp: remainder(d, p), dq: remainder(d, q) }
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, encoded(value)])) }
}

/** d mod (prime - 1) */
function remainder(d: Buffer, prime: Buffer): Buffer {
  const divisor = numberOf(prime) - 1n
  if (divisor <= 0n) throw new WireError('the key is damaged')
  const digits = (numberOf(d) % divisor).toString(16)
  return Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex')
}

const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex') || '0'}`)
const encoded = (bytes: Buffer) => bytes.toString('base64url')
