import { InvalidOptionError } from '../../errors/index.js'
import { addressRanges, isLoopback } from './address-ranges.js'

export type Environment = Readonly<Record<string, string | undefined>>

export interface HttpProxy {
  readonly url: URL
  /** The value of `Proxy-Authorization`, where the proxy has credentials. */
  readonly authorization: string | undefined
}

/**
 * Decides by `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (or in lower case), by the rules of Go's `httpproxy`, as Docker does:
 * `localhost` and loopback addresses never go through a proxy; `NO_PROXY` lists addresses, CIDRs, names (with all below
 * them; `.name` and `*.name` only what is below), each with an optional port, or `*`.
 *
 * @throws {InvalidOptionError} for a proxy that is not an HTTP or HTTPS URL; does not tell the URL, which may have a password
 */
export function proxyDecision(env: Environment): (url: URL) => HttpProxy | undefined {
  const proxies: Record<string, HttpProxy | undefined> = {
    'http:': proxyOf(env, 'HTTP_PROXY'),
    'https:': proxyOf(env, 'HTTPS_PROXY'),
  }
  const isExempt = exemptions(lookUp(env, 'NO_PROXY'))
  return (url) => {
    const proxy = proxies[url.protocol]
    return proxy && !isExempt(url) ? proxy : undefined
  }
}

function lookUp(env: Environment, name: string): string {
  return (env[name] || env[name.toLowerCase()] || '').trim()
}

function proxyOf(env: Environment, name: string): HttpProxy | undefined {
  const value = lookUp(env, name)
  if (value === '') return undefined
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    // Neither the value nor the TypeError of URL, which has it.
    throw new InvalidOptionError(`${name} is not the URL of an HTTP or HTTPS proxy`, {
      code: 'INVALID_OPTION',
      details: { option: name },
    })
  }
  const { username, password } = url
  const credentials = Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')
  url.username = ''
  url.password = ''
  return { url, authorization: username || password ? `Basic ${credentials}` : undefined }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function exemptions(list: string): (url: URL) => boolean {
  const entries = list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .map(exemption)
  return (url) => {
    const hostname = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    return isLoopback(hostname) || entries.some((matches) => matches(hostname, port))
  }
}

function exemption(entry: string): (hostname: string, port: string) => boolean {
  if (entry === '*') return () => true
  const ranges = addressRanges()
  if (ranges.add(entry)) return (hostname) => ranges.has(hostname)
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  const isPort = (actual: string) => port === undefined || port === actual
  if (ranges.add(name.replace(/^\[|\]$/g, ''))) return (hostname, actual) => ranges.has(hostname) && isPort(actual)
  const below = name.replace(/^\*?\.?/, '.')
  const isBelowOnly = /^\*?\./.test(name)
  return (hostname, actual) =>
    isPort(actual) && (hostname.endsWith(below) || (!isBelowOnly && hostname === below.slice(1)))
}
