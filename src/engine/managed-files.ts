import { readFileSync } from 'node:fs'
import type { ManagedFile } from '../launch/run-plan.js'
import type { ContainerConfig } from '../spec/options.js'

// Docker's, to the byte.
const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

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

/** The files that the engine binds over the image's, as Docker writes them for the networks none and host. */
export function managedFiles(config: ContainerConfig, hostname: string, paths: ManagedPaths): ManagedFile[] {
  const extra = config.extraHosts.map((entry) => {
    const at = entry.indexOf(':')
    return `${entry.slice(at + 1)}\t${entry.slice(0, at)}\n`
  })
  return [
    {
      path: paths.hosts,
      content: (config.network === 'host' ? hostFile('/etc/hosts') : loopbackHosts) + extra.join(''),
    },
    { path: paths.hostname, content: `${hostname}\n` },
    { path: paths.resolvConf, content: resolvConf(config) },
  ]
}

function resolvConf({ dns, dnsSearch, dnsOptions }: ContainerConfig): string {
  const host = hostFile('/etc/resolv.conf')
  if (dns.length + dnsSearch.length + dnsOptions.length === 0) return host
  const kept = (keyword: string) => host.split('\n').filter((line) => line.startsWith(`${keyword} `))
  const lines = [
    ...(dnsSearch.length > 0 ? [`search ${dnsSearch.join(' ')}`] : kept('search')),
    ...(dns.length > 0 ? dns.map((server) => `nameserver ${server}`) : kept('nameserver')),
    ...(dnsOptions.length > 0 ? [`options ${dnsOptions.join(' ')}`] : kept('options')),
  ]
  return `${lines.join('\n')}\n`
}

function hostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
