import { randomBytes } from 'node:crypto'
import { sharedContainer } from '../spec/index.js'
import { parseLabels } from '../spec/labels.js'
import type { MountPoint, VolumePoint } from '../spec/mount-point.js'
import { checkContainerName } from '../spec/names.js'
import type { ExcludedMount, SnapshotDocument, SnapshotNetworking } from '../spec/snapshot-document.js'
import type { ContainerRecord } from '../store/containers.js'
import { connectionsOf, type Networking } from './networking.js'

const longestName = 255

/** The name of a snapshot that is given none. */
export function defaultSnapshotName(container: string): string {
  const suffix = `-${randomBytes(4).toString('hex')}`
  return `${container.slice(0, longestName - suffix.length)}${suffix}`
}

/** @throws {InvalidOptionError} INVALID_NAME, INVALID_OPTION */
export function checkSnapshot({ name, labels }: { name?: string | undefined; labels?: Record<string, string> }) {
  return { name: name === undefined ? undefined : checkContainerName(name), labels: parseLabels(labels) }
}

/** All that clones of a container begin with, but for files. */
export function describeContainer(
  networking: Pick<Networking, 'store'>,
  record: ContainerRecord,
  labels: Readonly<Record<string, string>>,
): SnapshotDocument {
  const { id, name, reference, config, mounts } = record
  const points = mounts.filter((point): point is VolumePoint => point.type === 'volume')
  return {
    container: { id, name },
    image: reference,
    labels,
    config,
    networking: networksOf(networking, record),
    mounts: points,
    volumes: [...new Set(points.map(({ volume }) => volume))],
    excluded: mounts.flatMap(excludedOf),
  }
}

function excludedOf({ type, destination }: MountPoint): ExcludedMount[] {
  return type === 'bind' || type === 'tmpfs' ? [{ type, destination }] : []
}

/** The networks that it is on now, whatever it was made with; addresses are its own. */
function networksOf(networking: Pick<Networking, 'store'>, { id, config }: ContainerRecord): SnapshotNetworking {
  if (sharedContainer(config.network) !== undefined) return { network: config.network }
  const [first, ...others] = connectionsOf(networking, id)
  if (first === undefined) return { network: 'none' }
  const { aliases, links } = first.endpoint.settings
  return {
    network: first.network.name,
    networkAlias: aliases,
    link: first.network.name === 'bridge' ? config.links : links,
    networks: others.map(({ network, endpoint: { settings } }) => ({
      network: network.name,
      alias: settings.aliases,
      link: settings.links,
      ...(settings.driverOptions && { driverOpt: settings.driverOptions }),
    })),
  }
}
