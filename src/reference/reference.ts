import { InvalidOptionError } from '../errors/index.js'
import { printable } from '../errors/printable.js'
import { digestLengths, identifierPattern, referencePattern } from './grammar.js'

const defaultDomain = 'docker.io'
const legacyDefaultDomain = 'index.docker.io'
const officialPrefix = 'library/'
const defaultTag = 'latest'
const maxPathLength = 255
const maxShownLength = 300

/** The name of an image, normalised: domain and path are always there. Immutable. */
export interface Reference {
  /** The registry: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string
  /** The repository in the registry: `library/redis`. */
  readonly path: string
  readonly tag?: string
  /** `sha256:...` of a manifest. */
  readonly digest?: string
  /** Domain and path: `docker.io/library/redis`. */
  readonly name: string
  /** As Docker shows it: without the default domain and `library/`. */
  familiar(): string
  /** The whole normalised name: `docker.io/library/redis:7`. */
  toString(): string
}

/**
 * Reads an image name as Docker does: the default domain is `docker.io`, its official images are in `library/`, and the
 * first component is a registry when it has a dot, a colon or an upper-case letter, or is `localhost`.
 *
 * @throws {InvalidOptionError} `INVALID_REFERENCE`, with Docker's message
 * @see https://github.com/distribution/reference
 *
 * @example
 * ```ts
 * parseReference('redis:7').toString()            // docker.io/library/redis:7
 * parseReference('localhost:5000/app').familiar() // localhost:5000/app
 * ```
 */
export function parseReference(text: string): Reference {
  if (identifierPattern.test(text)) {
    throw invalid(text, `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`)
  }
  const { domain, remainder } = splitDomain(text)
  const remote = remainder.split(':', 1)[0] as string
  if (remote.toLowerCase() !== remote) {
    throw invalid(
      text,
      `invalid reference format: repository name (${printable(remote, maxShownLength)}) must be lowercase`,
    )
  }
  const match = referencePattern.exec(`${domain}/${remainder}`)
  if (!match) throw invalid(text, 'invalid reference format')
  const [, matchedDomain, path, tag, digest] = match as unknown as [string, string, string, string?, string?]
  if (path.length > maxPathLength) {
    throw invalid(text, `repository name must not be more than ${maxPathLength} characters`)
  }
  if (digest !== undefined) verifyDigest(text, digest)
  return makeReference({ domain: matchedDomain, path, ...(tag && { tag }), ...(digest && { digest }) })
}

/** The same name with the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference
  return makeReference({ domain: reference.domain, path: reference.path, tag: defaultTag })
}

/** The same repository and digest without a tag, which says nothing more once there is a digest. */
export function withoutTag(reference: Reference): Reference {
  const { domain, path, digest } = reference
  return makeReference({ domain, path, ...(digest !== undefined && { digest }) })
}

function makeReference(parts: Pick<Reference, 'domain' | 'path' | 'tag' | 'digest'>): Reference {
  const { domain, path, tag, digest } = parts
  const suffix = (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
  return Object.freeze({
    ...parts,
    name: `${domain}/${path}`,
    familiar: () => familiarName(domain, path) + suffix,
    toString: () => `${domain}/${path}${suffix}`,
  })
}

function familiarName(domain: string, path: string): string {
  if (domain !== defaultDomain) return `${domain}/${path}`
  const official = path.startsWith(officialPrefix) && path.indexOf('/', officialPrefix.length) < 0
  return official ? path.slice(officialPrefix.length) : path
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  const isDomain = slash >= 0 && (first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first)
  const domain = !isDomain || first === legacyDefaultDomain ? defaultDomain : first
  const remainder = isDomain ? text.slice(slash + 1) : text
  const official = domain === defaultDomain && !remainder.includes('/')
  return { domain, remainder: official ? officialPrefix + remainder : remainder }
}

function verifyDigest(text: string, digest: string): void {
  const colon = digest.indexOf(':')
  const length = digestLengths[digest.slice(0, colon)]
  const hex = digest.slice(colon + 1)
  if (length === undefined) throw invalid(text, 'unsupported digest algorithm')
  if (hex.length !== length) throw invalid(text, 'invalid checksum digest length')
  if (!/^[a-f0-9]+$/.test(hex)) throw invalid(text, 'invalid checksum digest format')
}

function invalid(text: string, message: string): InvalidOptionError {
  const shown = printable(text, maxShownLength) + (text.length > maxShownLength ? '...' : '')
  return new InvalidOptionError(message, { code: 'INVALID_REFERENCE', details: { reference: shown } })
}
