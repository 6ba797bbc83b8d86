import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { InvalidOptionError } from '../../errors/index.js'
import type { RegistryOptions } from '../types.js'
import { addressRanges, hostnameOf, isLoopback } from './address-ranges.js'

export type Scheme = 'https' | 'http'

/** One server that answers for a registry: the registry's own, or a mirror. */
export interface Endpoint {
  /** Under which its credentials stand: the registry, or the mirror's host. */
  readonly registry: string
  /** With the port where it is not the scheme's own. */
  readonly host: string
  /** A mirror's path before `/v2/`, without a slash at its end. */
  readonly prefix: string
  /** To be tried in this order; the first that connects is kept to. */
  readonly schemes: readonly Scheme[]
  /** Certificates are not verified, and plain HTTP will do. */
  readonly isInsecure: boolean
  readonly isMirror: boolean
}

export interface Hosts {
  /** Where a registry is: its mirrors first, when they may be asked. */
  endpoints(registry: string, mirrored: boolean): Promise<readonly Endpoint[]>
  isInsecure(host: string): Promise<boolean>
  /** What was given for a host, as it stands in a URL. */
  options(host: string): RegistryOptions
}

export const dockerHub = 'docker.io'

const hubHost = 'registry-1.docker.io'

/**
 * @param registries by host, or by CIDR for insecure ones
 * @throws {InvalidOptionError} for a mirror that is not a URL
 */
export function openHosts(registries: Readonly<Record<string, RegistryOptions>> = {}): Hosts {
  const byHost = new Map(Object.entries(registries).map(([host, options]) => [host.toLowerCase(), options]))
  const insecureRanges = Object.entries(registries).filter(([key, { insecure }]) => key.includes('/') && insecure)
  const ranges = addressRanges()
  for (const [range] of insecureRanges) if (!ranges.add(range)) throw badRange(range)
  const mirrors = new Map([...byHost].map(([host, options]) => [host, (options.mirrors ?? []).map(mirrorUrl)]))

  const optionsOf = (host: string): RegistryOptions =>
    byHost.get(host.toLowerCase()) ??
    byHost.get(`${host}:443`) ??
    (host === hubHost ? byHost.get(dockerHub) : undefined) ??
    {}

  const isInRange = async (hostname: string) => {
    if (insecureRanges.length === 0 || isIP(hostname)) return ranges.has(hostname)
    // As in Docker: a name belongs to the range in which its address is.
    const addresses = await lookup(hostname, { all: true }).catch(() => [])
    return addresses.some(({ address }) => ranges.has(address))
  }

  const isInsecure = async (host: string) => {
    const { insecure } = optionsOf(host)
    const hostname = hostnameOf(host)
    return insecure ?? (isLoopback(hostname) || (await isInRange(hostname)))
  }

  const ownEndpoint = async (registry: string): Promise<Endpoint> => {
    const host = registry === dockerHub ? hubHost : registry
    const insecure = await isInsecure(host)
    const schemes: Scheme[] = insecure ? ['https', 'http'] : ['https']
    return { registry, host, prefix: '', schemes, isInsecure: insecure, isMirror: false }
  }

  const mirrorEndpoint = async ({ protocol, host, pathname }: URL): Promise<Endpoint> => ({
    registry: host,
    host,
    prefix: pathname.replace(/\/+$/, ''),
    schemes: [protocol === 'http:' ? 'http' : 'https'],
    isInsecure: protocol === 'http:' || (await isInsecure(host)),
    isMirror: true,
  })

  return {
    isInsecure,
    options: optionsOf,
    async endpoints(registry, mirrored) {
      const own = await ownEndpoint(registry)
      if (!mirrored) return [own]
      return [...(await Promise.all((mirrors.get(registry.toLowerCase()) ?? []).map(mirrorEndpoint))), own]
    },
  }
}

/** `https://reg.local:5000`, for each scheme in which it may be asked. */
export function originsOf({ schemes, host }: Endpoint): readonly string[] {
  return schemes.map((scheme) => new URL(`${scheme}://${host}`).origin)
}

function mirrorUrl(text: string): URL {
  const whole = text.includes('://') ? text : `https://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash) return url
  // Not the text itself: it may have credentials.
  throw new InvalidOptionError('a mirror must be an http or https URL without credentials, query and fragment', {
    code: 'INVALID_OPTION',
    details: { option: 'registries.mirrors', host: url?.host },
  })
}

function badRange(range: string): InvalidOptionError {
  return new InvalidOptionError(`${range} is neither a registry's host nor a CIDR`, {
    code: 'INVALID_OPTION',
    details: { option: 'registries', value: range },
  })
}
