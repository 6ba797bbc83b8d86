import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidOptionError } from '../../errors/index.js'
import { reporting } from '../../errors/system.js'

/** PEM texts. */
export interface Certificates {
  readonly authorities: readonly string[]
  /** Client certificates, and the key of each at the same place. */
  readonly certificates: readonly string[]
  readonly keys: readonly string[]
}

/**
 * What Docker's `certs.d` has for a host: `*.crt` are authorities, `*.cert` with the `*.key` of the same name are the client's.
 *
 * @param host with its port where it is not the default one, as the directory is named
 * @returns undefined when there is no directory for the host
 * @throws {InvalidOptionError} for half a pair
 * @see https://docs.docker.com/engine/security/certificates/
 */
export async function readCertificates(directory: string, host: string): Promise<Certificates | undefined> {
  // A host comes from references and redirects; it has no slash, but it may be `..`.
  if (!/^[\w.:[\]-]+$/.test(host) || /^\.+$/.test(host)) return undefined
  const path = join(directory, host)
  if (!existsSync(path)) return undefined
  return reporting(`cannot read the certificates in ${path}`, () => {
    const names = readdirSync(path).sort()
    const read = (name: string) => readFileSync(join(path, name), 'utf8')
    const pairs = names.filter((name) => name.endsWith('.cert')).map((name) => name.slice(0, -'.cert'.length))
    const keys = names.filter((name) => name.endsWith('.key')).map((name) => name.slice(0, -'.key'.length))
    for (const pair of pairs) if (!keys.includes(pair)) throw missingKey(path, pair)
    for (const key of keys) if (!pairs.includes(key)) throw missingCertificate(path, key)
    return {
      authorities: names.filter((name) => name.endsWith('.crt')).map(read),
      certificates: pairs.map((pair) => read(`${pair}.cert`)),
      keys: pairs.map((pair) => read(`${pair}.key`)),
    }
  })
}

function missingKey(path: string, pair: string): InvalidOptionError {
  return new InvalidOptionError(
    `missing key ${pair}.key for client certificate ${pair}.cert in ${path}; CA certificates must use the extension .crt`,
    { code: 'INVALID_OPTION', details: { path: join(path, `${pair}.key`) } },
  )
}

function missingCertificate(path: string, pair: string): InvalidOptionError {
  return new InvalidOptionError(`missing client certificate ${pair}.cert for key ${pair}.key in ${path}`, {
    code: 'INVALID_OPTION',
    details: { path: join(path, `${pair}.cert`) },
  })
}

/** Where the distributions keep the authorities that the host trusts, in the order in which Go looks. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** The authorities the host trusts, as for Docker, not those that Node was built with; undefined where there are none. */
export function systemAuthorities(env: Readonly<Record<string, string | undefined>>): string[] | undefined {
  const bundle = [env.SSL_CERT_FILE, ...bundles].find((path) => path && existsSync(path))
  if (!bundle) return undefined
  const extra = env.NODE_EXTRA_CA_CERTS
  return [bundle, ...(extra && existsSync(extra) ? [extra] : [])].map((path) => readFileSync(path, 'utf8'))
}
