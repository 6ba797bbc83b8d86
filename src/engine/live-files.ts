import { existsSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { connect } from '../container/dialogue.js'
import { runDirectory } from '../container/run-directory.js'
import { forgetNames, writeView } from '../network/name-records.js'
import type { ContainerRecord } from '../store/containers.js'
import { namesView } from './container-names.js'
import { ownEntry } from './hosts-file.js'
import { managedPaths, managedResolvConf, readHostFiles } from './managed-files.js'
import type { NetworksContext } from './network.js'
import { hasNames, networkIds, type Place } from './networking.js'
import { rewriteInPlace, updateHosts } from './rewrite.js'

/**
 * What becomes of names: 127.0.0.11 answers them; or a name server of the container's has its port, and others still find
 * the container; or nothing, since its program has ended, or it came to its first network while it ran.
 */
export type Resolver = 'answers' | 'hindered' | 'none'

/**
 * Lets a running container's resolver answer. A supervisor takes names back once, when the program has ended, and has no
 * resolver from then on: what was written before any other answer than `none` it will find.
 */
export async function openResolver({ containers }: NetworksContext, id: string): Promise<Resolver> {
  const session = await connect(containers, id)
  const answer = session && (await session.hold(session.resolve()))
  session?.close()
  if (!answer || answer.errno === constants.errno.ENODEV) return 'none'
  return answer.errno === 0 ? 'answers' : 'hindered'
}

/** Whether its resolver was told where it is. */
export function hasView({ stages }: NetworksContext, { id }: ContainerRecord): boolean {
  return existsSync(`${stages.networking.names}/${id}`)
}

/** Tells a running container's resolver where it is now. Its supervisor takes back the names it has there, when it ends. */
export function updateView(context: NetworksContext, record: ContainerRecord, places: readonly Place[]): void {
  const { containers, stages } = context
  const view = namesView(containers.containers, record, places, readHostFiles(record.config.network))
  writeView(stages.networking.names, record.id, view)
}

/** Takes back what was written since its program has ended: nobody else does, and its view tells where that is. */
export async function forgetIfOver(context: NetworksContext, id: string): Promise<Resolver> {
  const resolver = await openResolver(context, id)
  if (resolver === 'none') {
    const { networking } = context.stages
    await forgetNames(networking.names, id, networkIds(networking))
  }
  return resolver
}

/** Of one that had none. */
export function removeView({ stages }: NetworksContext, { id }: ContainerRecord): void {
  rmSync(`${stages.networking.names}/${id}`, { force: true })
}

/** Gives a running container's hosts file its addresses, after a change of its places; the file stays the same one. */
export function updateOwnHosts({ containers }: NetworksContext, record: ContainerRecord, places: readonly Place[]) {
  const { id, config } = record
  const { hosts } = managedPaths(runDirectory(containers.runRoot, id))
  updateHosts(hosts, [ownEntry(config.hostname || id.slice(0, 12), config.domainname, addressesOf(places))])
}

/** The same for resolv.conf, when it comes to its first network with names, or leaves its last one. */
export function updateResolvConf(
  { containers }: NetworksContext,
  { id, config }: ContainerRecord,
  before: readonly Place[],
  after: readonly Place[],
): void {
  const names = isNamed(after)
  // What a program has written there stays while nothing changes.
  if (names === isNamed(before)) return
  const { resolvConf } = managedPaths(runDirectory(containers.runRoot, id))
  const host = readHostFiles(config.network)
  rewriteInPlace(resolvConf, managedResolvConf({ config, addresses: addressesOf(after), hasNames: names, host }))
}

const isNamed = (places: readonly Place[]) => places.some(({ network }) => hasNames(network))

function addressesOf(places: readonly Place[]): string[] {
  return places.flatMap(({ endpoint: { active } }) => [active.ipv4, active.ipv6].filter((one) => one !== undefined))
}
