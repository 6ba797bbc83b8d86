import { refusals } from '../network/answers.js'
import { queryLinkKind } from '../network/links.js'
import type { Message } from '../network/messages.js'
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from '../network/netlink-socket.js'
import { createChain, createTable, deleteTable, transaction } from '../network/nftables.js'
import { failure, fine, type HostCheck, warning } from './doctor-check.js'
import type { KernelSettings } from './doctor-settings.js'

const withoutNetworks = 'containers can be on no networks but none and host, and publish no ports'

/** Makes and removes a table with the chains that networks need: as one transaction, so that nobody ever sees it. */
export async function checkNftables(): Promise<HostCheck> {
  const table = `inboard-doctor-${process.pid}`
  const refusal = await refusalOf(NETLINK_NETFILTER, [
    ...transaction([
      createTable(table),
      createChain(table, 'nat', { type: 'nat', at: 'prerouting', priority: -100 }),
      createChain(table, 'filter', { type: 'filter', at: 'forward', priority: 0 }),
      deleteTable(table),
    ]),
  ])
  return judgeNftables(refusal)
}

/** @param errno the name of what the kernel answered; undefined: it obeyed */
export function judgeNftables(errno: string | undefined): HostCheck {
  if (errno === undefined) return fine('nftables', 'tables with translated addresses can be made')
  if (errno === 'EPERM') return notAllowed('nftables')
  return failure(
    'nftables',
    `the kernel refuses tables (${errno})`,
    withoutNetworks,
    'modprobe -a nf_tables nft_chain_nat nft_ct nft_masq',
  )
}

/** Asks for a bridge and a pair of interfaces, which cannot be for their names. */
export async function checkInterfaces(): Promise<HostCheck> {
  const answers: Record<string, string | undefined> = {}
  for (const kind of ['bridge', 'veth']) answers[kind] = await refusalOf(NETLINK_ROUTE, [queryLinkKind(kind)])
  return judgeInterfaces(answers)
}

export function judgeInterfaces(answers: Readonly<Record<string, string | undefined>>): HostCheck {
  if (Object.values(answers).includes('EPERM')) return notAllowed('interfaces')
  const missing = Object.keys(answers).filter((kind) => answers[kind] !== 'EINVAL')
  if (missing.length === 0) return fine('interfaces', Object.keys(answers).join(' and '))
  return failure(
    'interfaces',
    `the kernel lacks ${missing.join(' and ')}`,
    withoutNetworks,
    `modprobe -a ${missing.join(' ')}`,
  )
}

const notAllowed = (name: 'nftables' | 'interfaces') =>
  warning(name, 'not known', 'only root can look at it', 'run this as root')

async function refusalOf(protocol: number, messages: readonly Message[]): Promise<string | undefined> {
  const socket = new NetlinkSocket(protocol)
  try {
    return refusals(await socket.exchange(messages))[0]?.errno
  } catch (error) {
    // The kernel does not know the protocol.
    return (error as NodeJS.ErrnoException).code ?? 'EINVAL'
  } finally {
    socket.close()
  }
}

export function judgeForwarding({ read, canWrite }: KernelSettings): HostCheck {
  const path = '/proc/sys/net/ipv4/ip_forward'
  if (read(path) === '1') return fine('ip-forward', 'on')
  if (canWrite(path)) return fine('ip-forward', 'off; the first network turns it on')
  return warning(
    'ip-forward',
    'off, and this process may not turn it on',
    'containers on bridges do not reach what is outside of this host',
    'sysctl -w net.ipv4.ip_forward=1',
  )
}
