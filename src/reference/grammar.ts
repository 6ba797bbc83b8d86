/**
 * The grammar of image names, as `distribution/reference` (which Docker uses) has it.
 * @see https://github.com/distribution/reference/blob/main/reference.go
 */
const alphanumeric = '[a-z0-9]+'
const separator = '(?:[._]|__|-+)'
const pathComponent = `${alphanumeric}(?:${separator}${alphanumeric})*`
const remoteName = `${pathComponent}(?:/${pathComponent})*`

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domainName = `${domainComponent}(?:\\.${domainComponent})*`
const ipv6Address = '\\[[a-fA-F0-9:]+\\]'
const domain = `(?:${domainName}|${ipv6Address})(?::[0-9]+)?`

const tag = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'

/** Groups: domain, path, tag, digest. */
export const referencePattern = new RegExp(`^(${domain})/(${remoteName})(?::(${tag}))?(?:@(${digest}))?$`)

/** What an image ID looks like without its algorithm; refused as a name. */
export const identifierPattern = /^[a-f0-9]{64}$/

/** Hexadecimal digits of the digest algorithms that the OCI specification registers. */
export const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }
