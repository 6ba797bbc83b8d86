import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { noSuchContainer } from '../../store/containers.js'
import { notRunning } from '../container-errors.js'
import type { ContainerContext } from '../context.js'
import { present } from '../present.js'
import { isAlive } from '../states.js'
import { containerTexts } from './container-texts.js'
import { dial } from './dial.js'
import { DnsFailure, exchange } from './dns-exchange.js'
import { addressesIn, encodeQuestion, questionsFor } from './dns-message.js'
import { hostsAddresses } from './hosts.js'
import { loopback, type NameAddress, toNameAddress } from './own-addresses.js'
import { parseResolverConfig, type ResolverConfig, searchedNames } from './resolver-config.js'

export type Families = readonly (4 | 6)[]

const dnsPort = 53

/**
 * The addresses that a name has for the programs of a running container: its own names and `localhost` are its loopback, then its hosts
 * file counts, then the name servers of its resolv.conf, asked over TCP within its network namespace.
 *
 * @throws {Error} as `dns.lookup`: ENOTFOUND, EAI_AGAIN when no name server answers; {InvalidStateError} when it does not run
 */
export async function resolveName(
  context: ContainerContext,
  id: string,
  host: string,
  families: Families,
  signal: AbortSignal,
): Promise<NameAddress[]> {
  const name = host.replace(/^\[(.*)\]$/, '$1')
  const wanted = (addresses: readonly NameAddress[]) => addresses.filter(({ family }) => families.includes(family))
  const found = isIP(name) !== 0 ? [toNameAddress(name)] : await addressesOf(context, id, name, families, signal)
  const some = wanted(found)
  if (some.length > 0) return some
  throw lookupError('ENOTFOUND', host)
}

async function addressesOf(
  context: ContainerContext,
  id: string,
  name: string,
  families: Families,
  signal: AbortSignal,
): Promise<readonly NameAddress[]> {
  const record = context.containers.get(id)
  if (!record) throw noSuchContainer(id)
  const own = [record.name, record.config.hostname, id, id.slice(0, 12), 'localhost']
  const lower = name.toLowerCase().replace(/\.$/, '')
  const ascii = domainToASCII(name)
  if (!isDomainName(ascii)) throw lookupError('ENOTFOUND', name)
  if (own.some((one) => one?.toLowerCase() === lower) || lower.endsWith('.localhost')) return loopback
  // Of one that does not run the files would be mounted, for nothing.
  const { status } = await present(context, id, signal)
  if (!isAlive(status)) throw notRunning(id, 'connected')
  const [hosts = '', resolvConf = ''] = await containerTexts(context, id, ['etc/hosts', 'etc/resolv.conf'], signal)
  const listed = hostsAddresses(hosts, ascii.replace(/\.$/, ''))
  if (listed.some(({ family }) => families.includes(family))) return listed
  return ask(context, id, ascii, parseResolverConfig(resolvConf), families, signal)
}

const isDomainName = (name: string) =>
  name.length > 0 && name.length <= 253 && name.replace(/\.$/, '').split('.').every(isLabel)

const isLabel = (label: string) => label.length > 0 && label.length <= 63

async function ask(
  context: ContainerContext,
  id: string,
  name: string,
  config: ResolverConfig,
  families: Families,
  signal: AbortSignal,
): Promise<NameAddress[]> {
  let failure: unknown
  for (const full of searchedNames(name, config).filter(isDomainName)) {
    const answer = await askServers(context, id, full, config, families, signal)
    if (answer instanceof Error) failure ??= answer
    else if (answer.length > 0) return answer
  }
  throw lookupError(failure ? 'EAI_AGAIN' : 'ENOTFOUND', name, failure)
}

/** The answer of the first that has one; the last failure of all. */
async function askServers(
  context: ContainerContext,
  id: string,
  name: string,
  { servers, attempts, timeoutMs }: ResolverConfig,
  families: Families,
  signal: AbortSignal,
): Promise<NameAddress[] | Error> {
  let failure = new Error('no name server')
  for (let attempt = 0; attempt < attempts; attempt++)
    for (const server of servers)
      try {
        return await askServer(context, id, name, server, timeoutMs, families, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof Error) || !isOfServer(error)) throw error
        failure = error
      }
  return failure
}

/** What another server may do better. */
const isOfServer = (error: Error) => error instanceof DnsFailure || 'syscall' in error

async function askServer(
  context: ContainerContext,
  id: string,
  name: string,
  server: string,
  timeoutMs: number,
  families: Families,
  signal: AbortSignal,
): Promise<NameAddress[]> {
  const socket = await dial(context, id, { ...toNameAddress(server), port: dnsPort }, timeoutMs, signal)
  try {
    const questions = questionsFor(name, families)
    const answers = await exchange(socket, questions.map(encodeQuestion), timeoutMs, signal)
    return questions.flatMap((one) => {
      const mine = answers.find((answer) => answer.length >= 2 && answer.readUInt16BE(0) === one.id)
      if (!mine) throw new DnsFailure('an answer to another question')
      return addressesIn(mine, one) ?? []
    })
  } finally {
    socket.destroy()
  }
}

/** An error as `dns.lookup` has it. */
export function lookupError(code: 'ENOTFOUND' | 'EAI_AGAIN', hostname: string, cause?: unknown): Error {
  const error = new Error(`getaddrinfo ${code} ${hostname}`, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code, syscall: 'getaddrinfo', hostname })
}
