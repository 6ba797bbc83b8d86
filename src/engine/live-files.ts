import { existsSync } from 'node:fs'
import { runDirectory } from '../container/run-directory.js'
import { writeView } from '../network/name-records.js'
import type { ContainerRecord } from '../store/containers.js'
import { namesView } from './container-names.js'
import { ownEntry } from './hosts-file.js'
import { managedPaths, managedResolvConf, readHostFiles } from './managed-files.js'
import type { NetworksContext } from './network.js'
import { hasNames, type Place } from './networking.js'
import { rewriteInPlace, updateHosts } from './rewrite.js'

/** Whether its supervisor has a resolver for it, and has not taken its names back. */
export function hasView({ stages }: Pick<NetworksContext, 'stages'>, { id }: ContainerRecord): boolean {
  return existsSync(`${stages.networking.names}/${id}`)
}

/** Tells a running container's resolver where it is now. Its supervisor takes back the names it has there, when it ends. */
export function updateView(context: NetworksContext, record: ContainerRecord, places: readonly Place[]): void {
  const { containers, stages } = context
  const view = namesView(containers.containers, record, places, readHostFiles(record.config.network))
  writeView(stages.networking.names, record.id, view)
}

/** Gives a running container's hosts and resolv.conf what belongs to its new places; the files stay the same ones. */
export function updateFiles(
  context: NetworksContext,
  record: ContainerRecord,
  before: readonly Place[],
  after: readonly Place[],
): void {
  const { id, config } = record
  const paths = managedPaths(runDirectory(context.containers.runRoot, id))
  const addresses = addressesOf(after)
  updateHosts(paths.hosts, [ownEntry(config.hostname || id.slice(0, 12), config.domainname, addresses)])
  const names = isNamed(after)
  // What a program has written there stays while nothing changes.
  if (names === isNamed(before) || !hasView(context, record)) return
  const host = readHostFiles(config.network)
  rewriteInPlace(paths.resolvConf, managedResolvConf({ config, addresses, hasNames: names, host }))
}

const isNamed = (places: readonly Place[]) => places.some(({ network }) => hasNames(network))

function addressesOf(places: readonly Place[]): string[] {
  return places.flatMap(({ endpoint: { active } }) => [active.ipv4, active.ipv6].filter((one) => one !== undefined))
}
