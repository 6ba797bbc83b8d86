import { isIP } from 'node:net'
import { RegistryError } from '../../errors/index.js'
import { hostnameOf } from '../hosts/address-ranges.js'

/**
 * Suffixes under which anybody may have a name, beside those of two labels such as `co.uk`: a common one of these makes no
 * two hosts the same owner's.
 */
const sharedSuffixes: ReadonlySet<string> = new Set([
  'amazonaws.com',
  'appspot.com',
  'azurecr.io',
  'azurewebsites.net',
  'cloudapp.net',
  'cloudfront.net',
  'duckdns.org',
  'fly.dev',
  'github.io',
  'gitlab.io',
  'herokuapp.com',
  'netlify.app',
  'ngrok.io',
  'nip.io',
  'onrender.com',
  'pages.dev',
  'pkg.dev',
  'run.app',
  'sslip.io',
  'vercel.app',
  'web.app',
  'windows.net',
  'workers.dev',
])

/** The second level of country domains that are not sold below the top: `co.uk`, `com.au`, `ac.jp`. */
const countrySecondLevel = /^(ac|co|com|edu|go|gob|gov|gv|ltd|mil|ne|net|nom|or|org|plc|sch)\.[a-z]{2}$/

/**
 * Whether the token server that a registry names may be given the registry's credentials:
 *
 * - it has the registry's own host name (the port does not matter), or a name below it (`auth.reg.example`) or above it
 *   (`gitlab.com` for `registry.gitlab.com`);
 * - it is its sibling below a domain of one owner: `auth.docker.io` for `registry-1.docker.io`. The common domain needs two
 *   labels at least, and must not be one below which anybody can have a name (`co.uk`, `amazonaws.com`, ..);
 * - or it is named by `tokenServers` of the registry's options, with its port where that is not 443.
 *
 * An address is only ever the same as itself. Whatever else a registry names is asked for an anonymous token.
 */
export function isTrustedRealm(realm: URL, registryHost: string, tokenServers: readonly string[] = []): boolean {
  if (tokenServers.some((host) => host.toLowerCase() === realm.host)) return true
  const server = hostnameOf(realm.host).toLowerCase()
  const registry = hostnameOf(registryHost).toLowerCase()
  if (server === registry) return true
  if (isIP(server) || isIP(registry)) return false
  const common = commonDomain(server, registry)
  if (common.split('.').length < 2) return false
  return common === server || common === registry
    ? !countrySecondLevel.test(common)
    : !countrySecondLevel.test(common) && !isShared(common)
}

function commonDomain(one: string, other: string): string {
  const labels = one.split('.').reverse()
  const others = other.split('.').reverse()
  const differs = labels.findIndex((label, index) => label !== others[index])
  return labels
    .slice(0, differs < 0 ? labels.length : differs)
    .reverse()
    .join('.')
}

/** `us-east-1.amazonaws.com` is as shared as `amazonaws.com`. */
function isShared(domain: string): boolean {
  return [...sharedSuffixes].some((suffix) => domain === suffix || domain.endsWith(`.${suffix}`))
}

/**
 * The URL of a token server.
 *
 * @param isInsecure whether the registry is, so that it may be plain HTTP
 * @throws {RegistryError} `REGISTRY_INVALID` for what a token must not be asked of
 */
export function parseRealm(text: string, registryHost: string, isInsecure: boolean): URL {
  // No cause: the TypeError of URL has the whole text.
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw invalid(registryHost, 'that is not a URL')
  if (url.username || url.password) throw invalid(registryHost, 'with credentials in its URL')
  if (url.protocol === 'http:' && !isInsecure) throw invalid(registryHost, `over plain HTTP: ${url.origin}`)
  url.hash = ''
  return url
}

function invalid(registryHost: string, why: string): RegistryError {
  return new RegistryError(`${registryHost} names a token server ${why}`, {
    code: 'REGISTRY_INVALID',
    details: { host: registryHost },
  })
}
