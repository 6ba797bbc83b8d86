/** What a 401 asks for: RFC 9110, 11.6.1. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

const maxLength = 8192
const maxChallenges = 8
const maxParameters = 16

const separators = /[\s,]*/y
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const token68 = /[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y
const parameter = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y

/** The challenges of a `WWW-Authenticate`, or of several joined by commas; as many as can be read. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const text = (header ?? '').slice(0, maxLength)
  const challenges: Challenge[] = []
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) at = pattern.lastIndex
    return match
  }
  while (challenges.length < maxChallenges) {
    take(separators)
    const [scheme] = take(token) ?? []
    if (scheme === undefined) break
    const parameters = new Map<string, string>()
    if (!take(token68)) {
      for (let match = take(parameter); match && parameters.size < maxParameters; match = take(parameter)) {
        const [, name = '', quoted, plain] = match
        parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')
      }
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters })
  }
  return challenges
}
