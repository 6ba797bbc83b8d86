import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Family } from './address.js'

/**
 * Parameters of the network namespace that the calling thread is in: whatever reads and writes them must not be done by
 * a thread pool. @see Documentation/networking/ip-sysctl.rst of Linux
 */
const root = '/proc/sys/net'
const forwarding = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' } as const

function read(name: string): string {
  return readFileSync(`${root}/${name}`, 'latin1').trim()
}

/** Only what differs is written: some hosts have these read-only, and right. */
function write(name: string, value: number): void {
  if (read(name) !== String(value)) writeFileSync(`${root}/${name}`, `${value}\n`)
}

/** A kernel without IPv6 has no parameters of it, and none of an interface whose MTU is too small for it. */
function hasIpv6(link: string): boolean {
  return existsSync(`${root}/ipv6/conf/${link}`)
}

/** Whether the host is a router. */
export function isForwarding(family: Family): boolean {
  return read(forwarding[family]) === '1'
}

/** Makes the host a router. */
export function enableForwarding(family: Family): void {
  // A router believes no other routers, unless it is told to: the host keeps the routes that it lives by.
  if (family === 6) for (const link of readdirSync(`${root}/ipv6/conf`)) keepAdvertisements(link)
  write(forwarding[family], 1)
}

/** Makes the host no router. What it believes of others by then does not matter to one that is none. */
export function disableForwarding(family: Family): void {
  write(forwarding[family], 0)
}

function keepAdvertisements(link: string): void {
  if (link === 'all' || link === 'default') return
  const name = `ipv6/conf/${link}/accept_ra`
  try {
    if (read(name) === '1') write(name, 2)
  } catch (error) {
    // Interfaces come and go.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Whether the kernel tracks any connection. */
export function hasFlows(): boolean {
  const count = `${root}/netfilter/nf_conntrack_count`
  return existsSync(count) && readFileSync(count, 'latin1').trim() !== '0'
}

/** How the host treats what comes from containers by their bridge. */
export function restrictBridge(bridge: string, icc: boolean): void {
  const ipv4 = `ipv4/conf/${bridge}`
  // The host reaches ports that are published on its loopback interface; the firewall keeps everybody else from it.
  write(`${ipv4}/route_localnet`, 1)
  write(`${ipv4}/rp_filter`, 1)
  write(`${ipv4}/send_redirects`, 0)
  if (hasIpv6(bridge)) write(`ipv6/conf/${bridge}/accept_ra`, 0)
  if (icc) return
  // Isolated ports do not hear each other's questions: the bridge answers, and the firewall decides.
  write(`${ipv4}/proxy_arp_pvlan`, 1)
  write(`ipv4/neigh/${bridge}/proxy_delay`, 0)
}
