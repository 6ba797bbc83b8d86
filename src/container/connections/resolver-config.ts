import { isIP } from 'node:net'

/** What a resolv.conf says, within the limits of the C library. @see resolv.conf(5) */
export interface ResolverConfig {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  /** Names with so many dots are asked for as they are first. */
  readonly ndots: number
  readonly timeoutMs: number
  readonly attempts: number
}

const mostServers = 3
const mostSearched = 6

export function parseResolverConfig(text: string): ResolverConfig {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  )
  const of = (keyword: string) => lines.filter(([first]) => first === keyword).map((words) => words.slice(1))
  const servers = of('nameserver').flatMap(([server = '']) => (isIP(server) && !server.includes('%') ? [server] : []))
  const options = of('options').flat()
  const option = (name: string, usual: number, most: number) => {
    const value = options.findLast((one) => one.startsWith(`${name}:`))?.slice(name.length + 1) ?? ''
    return /^\d+$/.test(value) ? Math.min(Number(value), most) : usual
  }
  return {
    servers: (servers.length > 0 ? servers : ['127.0.0.1']).slice(0, mostServers),
    search: (of('search').at(-1) ?? of('domain').at(-1) ?? []).slice(0, mostSearched),
    ndots: option('ndots', 1, 15),
    timeoutMs: Math.max(1, option('timeout', 5, 30)) * 1000,
    attempts: Math.max(1, option('attempts', 2, 5)),
  }
}

/** The full names that a name may stand for, in the order they are asked for. */
export function searchedNames(name: string, { search, ndots }: Pick<ResolverConfig, 'search' | 'ndots'>): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const dots = name.split('.').length - 1
  const searched = search.filter((domain) => domain !== '.').map((domain) => `${name}.${domain.replace(/\.$/, '')}`)
  return dots >= ndots ? [name, ...searched] : [...searched, name]
}
