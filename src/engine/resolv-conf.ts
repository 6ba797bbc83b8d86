/** What decides about a container's resolv.conf. */
export interface ResolvConfInput {
  /** What was asked for; empty: the host's. */
  readonly dns: readonly string[]
  /** `['.']`: none at all. */
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** The host's resolv.conf. */
  readonly host: string
  /** It runs in the host's network namespace: where the host's name servers are reached, all of them are. */
  readonly hostNetwork: boolean
  /** It is on a network with names: they are asked of 127.0.0.11, which forwards the rest. */
  readonly hasNames: boolean
  /** Name servers with IPv6 addresses can be reached. */
  readonly ipv6: boolean
}

const embeddedServer = '127.0.0.11'
const publicServers = { ipv4: ['8.8.8.8', '8.8.4.4'], ipv6: ['2001:4860:4860::8888', '2001:4860:4860::8844'] } as const

/** The file's content, as Docker writes it. @see resolv.conf(5) */
export function resolvConf(input: ResolvConfInput): string {
  const { host, hostNetwork, hasNames, ipv6 } = input
  if (hasNames) return fileOf(searchOf(input), [embeddedServer], withNdots(optionsOf(input)))
  const asksNothing = input.dns.length + input.dnsSearch.length + input.dnsOptions.length === 0
  if (asksNothing) return hostNetwork ? host : reachableOnly(host, ipv6)
  return fileOf(
    searchOf(input),
    hostNetwork ? given(input.dns, serversOf(host)) : reachableServers(input),
    optionsOf(input),
  )
}

/**
 * The servers that 127.0.0.11 forwards to: those asked for, else the host's, without those that are not reached from a
 * network namespace of its own; Google's when none is left, as with Docker.
 */
export function upstreamServers(input: Pick<ResolvConfInput, 'dns' | 'host' | 'ipv6'>): readonly string[] {
  return reachableServers(input).filter((server) => !server.includes('%'))
}

function reachableServers({ dns, host, ipv6 }: Pick<ResolvConfInput, 'dns' | 'host' | 'ipv6'>): readonly string[] {
  const servers = serversOf(host).filter((server) => isReachable(server, ipv6))
  return given(dns, servers.length > 0 ? servers : fallback(ipv6))
}

/** The host's file without the servers that cannot be reached. */
function reachableOnly(host: string, ipv6: boolean): string {
  const kept = (host.match(/[^\n]*\n|[^\n]+$/g) ?? []).filter((line) =>
    serversOf(line).every((server) => isReachable(server, ipv6)),
  )
  const left = kept.join('')
  if (serversOf(left).length > 0) return left
  return `${left}\n${fallback(ipv6)
    .map((server) => `nameserver ${server}\n`)
    .join('')}`
}

function isReachable(server: string, ipv6: boolean): boolean {
  return server.includes(':') ? ipv6 && server !== '::1' : !server.startsWith('127.')
}

function fallback(ipv6: boolean): readonly string[] {
  return ipv6 ? [...publicServers.ipv4, ...publicServers.ipv6] : publicServers.ipv4
}

const given = (asked: readonly string[], otherwise: readonly string[]) => (asked.length > 0 ? asked : otherwise)

function searchOf({ dnsSearch, host }: ResolvConfInput): readonly string[] {
  const search = given(dnsSearch, wordsOf(host, 'search').at(-1) ?? [])
  return search.length === 1 && search[0] === '.' ? [] : search
}

function optionsOf({ dnsOptions, host }: ResolvConfInput): readonly string[] {
  return given(dnsOptions, wordsOf(host, 'options').flat())
}

/** Names without a dot are names of containers. */
function withNdots(options: readonly string[]): readonly string[] {
  return options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0']
}

function serversOf(text: string): string[] {
  return wordsOf(text, 'nameserver').flatMap((words) => words.slice(0, 1))
}

/** What follows a keyword, for each of its lines. */
function wordsOf(text: string, keyword: string): string[][] {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  )
  return lines.filter(([first]) => first === keyword).map((words) => words.slice(1))
}

function fileOf(search: readonly string[], servers: readonly string[], options: readonly string[]): string {
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}\n`] : []),
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('')
}
