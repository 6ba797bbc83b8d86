import type { SecureContextOptions } from 'node:tls'
import { InvalidOptionError } from '../../errors/index.js'
import { type Certificates, readCertificates, systemAuthorities } from './certificates.js'
import type { Hosts } from './hosts.js'
import type { Environment } from './proxies.js'

/** What TLS needs to know of a host. */
export interface Trust {
  /** Hosts of the same key can share connections. */
  readonly key: string
  readonly tls: SecureContextOptions & { readonly rejectUnauthorized: boolean }
}

export interface TrustOptions {
  readonly hosts: Hosts
  readonly certificatesDirectory: string
  readonly env: Environment
}

const maxKnown = 1000

/**
 * Certificates by host: those the host system trusts, the options' `ca`, `cert` and `key`, and those of `certs.d`. TLS 1.2 at
 * least. Each host's are read once.
 */
export function openTrust({ hosts, certificatesDirectory, env }: TrustOptions): (host: string) => Promise<Trust> {
  const known = new Map<string, Promise<Trust>>()
  let system: Promise<Trust> | undefined
  const systemTrust = () => {
    system ??= trustOf('system', systemAuthorities(env) ?? [], [], [])
    return system
  }

  const find = async (host: string): Promise<Trust> => {
    const { ca, cert, key } = hosts.options(host)
    const { authorities, certificates, keys } = await certificatesOf(certificatesDirectory, host)
    const certs = [...(cert ? [cert] : []), ...certificates]
    const own = [...(ca ? [ca] : []), ...authorities]
    if (cert !== undefined && key === undefined) throw halfPair(host, 'key')
    if (key !== undefined && cert === undefined) throw halfPair(host, 'cert')
    if (await hosts.isInsecure(host)) {
      const shared = certs.length === 0 ? 'insecure' : `insecure ${host}`
      return trustOf(shared, undefined, certs, keysOf(key, keys), host)
    }
    if (own.length === 0 && certs.length === 0) return systemTrust()
    const { rootCertificates } = await import('node:tls')
    const all = [...(systemAuthorities(env) ?? rootCertificates), ...own]
    return trustOf(host, all, certs, keysOf(key, keys), host)
  }

  return (host) => {
    const found = known.get(host) ?? find(host)
    const [oldest] = known.keys()
    // Redirects may lead anywhere.
    if (known.size >= maxKnown && oldest !== undefined) known.delete(oldest)
    known.set(host, found)
    // What could not be read may be mended.
    found.catch(() => known.delete(host))
    return found
  }
}

/** URLs leave out a port that is their scheme's own; the directory may have it. */
async function certificatesOf(directory: string, host: string): Promise<Certificates> {
  const hasPort = /:\d+$/.test(host)
  return (
    (await readCertificates(directory, host)) ??
    (await readCertificates(directory, hasPort ? host : `${host}:443`)) ??
    none
  )
}

const none: Certificates = { authorities: [], certificates: [], keys: [] }

function keysOf(key: string | undefined, keys: readonly string[]): string[] {
  return [...(key ? [key] : []), ...keys]
}

/** @param authorities undefined: no certificate is verified */
async function trustOf(
  key: string,
  authorities: readonly string[] | undefined,
  cert: string[],
  keys: string[],
  host = '',
): Promise<Trust> {
  const { createSecureContext } = await import('node:tls')
  const rejectUnauthorized = authorities !== undefined
  try {
    const secureContext = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(authorities && authorities.length > 0 && { ca: [...authorities] }),
      ...(cert.length > 0 && { cert, key: keys }),
    })
    return { key, tls: { secureContext, rejectUnauthorized } as Trust['tls'] }
  } catch (cause) {
    throw new InvalidOptionError(`the certificates for ${host} cannot be used: ${(cause as Error).message}`, {
      code: 'INVALID_OPTION',
      cause,
      details: { host },
    })
  }
}

function halfPair(host: string, missing: 'cert' | 'key'): InvalidOptionError {
  return new InvalidOptionError(
    `registries['${host}'] has no ${missing}: a client's certificate and key come together`,
    {
      code: 'INVALID_OPTION',
      details: { option: `registries.${missing}`, host },
    },
  )
}
