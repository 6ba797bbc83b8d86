import { readTextFile } from '../host/index.js'
import type { ManagedFile } from '../launch/run-plan.js'
import { hasOwnNetwork } from '../spec/index.js'
import type { ContainerConfig } from '../spec/options.js'
import { extraEntry, hostsFile, type LinkedHost, linkEntry, ownEntry } from './hosts-file.js'
import { resolvConf } from './resolv-conf.js'

/** Where a running container's own hosts, hostname and resolv.conf are: in its run directory, since each start writes them. */
export interface ManagedPaths {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

export const managedPaths = (directory: string): ManagedPaths => ({
  hosts: `${directory}/hosts`,
  hostname: `${directory}/hostname`,
  resolvConf: `${directory}/resolv.conf`,
})

/** What the host's own files say. */
export interface HostFiles {
  readonly hosts: string
  readonly resolvConf: string
}

/** All that decides about a container's hosts, hostname and resolv.conf. */
export interface HostFilesInput {
  readonly config: Pick<ContainerConfig, 'network' | 'domainname' | 'extraHosts' | 'dns' | 'dnsSearch' | 'dnsOptions'>
  readonly hostname: string
  /** Its own, in the order of its networks, IPv4 before IPv6 on each; none on the networks host and none. */
  readonly addresses: readonly string[]
  /** Linked containers, when it is on the default bridge. */
  readonly links: readonly LinkedHost[]
  /** It is on a network with names. */
  readonly hasNames: boolean
  /** What `host-gateway` stands for: the default bridge's gateways. */
  readonly gateway: readonly string[]
  readonly host: HostFiles
}

/**
 * The files that the engine binds over the image's, as Docker writes them.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for a `host-gateway` that there is not
 */
export function managedFiles(input: HostFilesInput, paths: ManagedPaths): ManagedFile[] {
  return [
    { path: paths.hosts, content: hosts(input) },
    { path: paths.hostname, content: `${input.hostname}\n` },
    { path: paths.resolvConf, content: managedResolvConf(input) },
  ]
}

function hosts({ config, hostname, addresses, links, gateway, host }: HostFilesInput): string {
  if (config.network === 'host' && config.extraHosts.length === 0) return host.hosts
  return hostsFile([
    ...config.extraHosts.map((extra) => extraEntry(extra, gateway)),
    ...links.map(linkEntry),
    ownEntry(hostname, config.domainname, addresses),
  ])
}

/** Also for a running container that came to its first, or left its last, network with names. */
export function managedResolvConf(input: Pick<HostFilesInput, 'config' | 'addresses' | 'hasNames' | 'host'>): string {
  const { config, addresses, hasNames, host } = input
  return resolvConf({
    dns: config.dns,
    dnsSearch: config.dnsSearch,
    dnsOptions: config.dnsOptions,
    host: host.resolvConf,
    hostNetwork: config.network === 'host',
    hasNames,
    ipv6: addresses.some((address) => address.includes(':')),
  })
}

const stubResolver = '127.0.0.53'

/** Reads those of the host's files that a container on this network needs. */
export function readHostFiles(network: string): HostFiles {
  const given = hostFile('/etc/resolv.conf')
  if (!hasOwnNetwork(network)) return { hosts: hostFile('/etc/hosts'), resolvConf: given }
  // systemd-resolved answers on the host's loopback, and tells in another file whom it asks itself.
  const servers = given.match(/^nameserver\s.*$/gm) ?? []
  const isStub = servers.length === 1 && servers[0]?.split(/\s+/)[1] === stubResolver
  return { hosts: '', resolvConf: (isStub && hostFile('/run/systemd/resolve/resolv.conf')) || given }
}

const hostFile = (path: string): string => readTextFile(path) ?? ''
