import { InboardError } from '../errors/index.js'
import { normalizeOptions } from '../spec/index.js'
import { parseLabels } from '../spec/labels.js'
import type { LogDrivers } from '../spec/log.js'
import { parseMountInput } from '../spec/mount-input.js'
import type { VolumePoint } from '../spec/mount-point.js'
import { maxMounts } from '../spec/mount-points.js'
import { checkContainerName } from '../spec/names.js'
import type { RunOptions } from '../spec/options.js'
import type { ExcludedMount, SnapshotDocument, SnapshotNetworking } from '../spec/snapshot-document.js'
import { isVolumeMode } from '../spec/volume-mode.js'
import { documentVersion } from './snapshot-archive.js'
import { invalidSnapshot } from './snapshot-archive-reader.js'

/** What an archive's document tells, checked. */
export interface ArchivedSnapshot {
  readonly name: string
  readonly createdAtMs: number
  readonly rootfsSize: number
  readonly document: SnapshotDocument
}

type Json = Readonly<Record<string, unknown>>

/**
 * Checks the document of an archive, of which nothing is believed: its options as those that a user gives.
 *
 * @throws {InvalidOptionError} INVALID_ARCHIVE
 */
export function parseSnapshotDocument(text: Buffer, logDrivers: LogDrivers): ArchivedSnapshot {
  try {
    const json = objectOf(JSON.parse(text.toString('utf8')))
    if (json.version !== documentVersion) throw invalidSnapshot(`it has version ${String(json.version).slice(0, 20)}`)
    return {
      name: checkContainerName(textOf(json.name)),
      createdAtMs: timeOf(json.createdAt),
      rootfsSize: sizeOf(json.rootfsSize),
      document: documentOf(json, logDrivers),
    }
  } catch (error) {
    if (error instanceof InboardError && error.code === 'INVALID_ARCHIVE') throw error
    throw invalidSnapshot(`its document is not right: ${(error as Error).message.slice(0, 500)}`, error)
  }
}

function documentOf(json: Json, logDrivers: LogDrivers): SnapshotDocument {
  const container = objectOf(json.container)
  const image = textOf(json.image)
  const volumes = listOf(json.volumes).map(textOf)
  const networking = networkingOf(objectOf(json.networking))
  const options = objectOf(json.options) as RunOptions
  // What the host has of processors is for who runs it there.
  const context = { envFiles: new Map(), processEnv: {}, host: { cpus: Number.POSITIVE_INFINITY }, logDrivers }
  const { name: _name, envFile: _file, volumesFrom: _from, pull: _pull, ...own } = options
  const config = normalizeOptions(image, listOf(json.command).map(textOf), own, context)
  normalizeOptions(image, [], networking, context)
  if (new Set(volumes).size !== volumes.length) throw invalidSnapshot('it has one volume twice')
  return {
    container: { id: textOf(container.id), name: textOf(container.name) },
    image,
    labels: parseLabels(objectOf(json.labels) as Record<string, string>),
    config,
    networking,
    mounts: listOf(json.mounts).map((mount) => pointOf(objectOf(mount), volumes)),
    volumes,
    excluded: listOf(json.excluded).map((mount) => excludedOf(objectOf(mount))),
  }
}

function networkingOf({ network, networks, networkAlias, link }: Json): SnapshotNetworking {
  return {
    network: textOf(network),
    ...(networks !== undefined && {
      networks: listOf(networks).map(objectOf) as unknown as SnapshotNetworking['networks'] & {},
    }),
    ...(networkAlias !== undefined && { networkAlias: listOf(networkAlias).map(textOf) }),
    ...(link !== undefined && { link: listOf(link).map(objectOf) as unknown as SnapshotNetworking['link'] & {} }),
  }
}

/** As it is to be mounted, whose it is decides the clone. */
function pointOf(json: Json, volumes: readonly string[]): VolumePoint {
  const [source, mode, subpath] = [textOf(json.volume), textOf(json.mode), textOf(json.subpath)]
  if (!volumes.includes(source)) throw invalidSnapshot('a volume is mounted that it has not')
  if (mode !== '' && !isVolumeMode(mode)) throw invalidSnapshot('a volume has a mode that is none')
  const checked = parseMountInput({
    type: 'volume',
    source,
    target: textOf(json.destination),
    readOnly: json.readOnly === true,
    volumeOptions: { subpath },
  })
  return {
    type: 'volume',
    destination: checked.target,
    mode,
    readOnly: json.readOnly === true,
    volume: source,
    driver: 'local',
    isAnonymous: true,
    isTaken: false,
    isCopied: false,
    subpath,
  }
}

function excludedOf({ type, destination }: Json): ExcludedMount {
  if (type !== 'bind' && type !== 'tmpfs') throw invalidSnapshot('it has a mount of no type that there is')
  return { type, destination: textOf(destination) }
}

function objectOf(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw invalidSnapshot('something is no object that should be one')
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value) && value.length <= maxListed) return value
  throw invalidSnapshot('something is no list that should be one, or too long')
}

/** Arguments of a program are more than mounts. */
const maxListed = maxMounts * 10

function textOf(value: unknown): string {
  if (typeof value === 'string' && !value.includes('\0')) return value
  throw invalidSnapshot('something is no text that should be one')
}

function sizeOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw invalidSnapshot('a size is no number of bytes')
}

function timeOf(value: unknown): number {
  const time = Date.parse(textOf(value))
  if (Number.isSafeInteger(time)) return time
  throw invalidSnapshot('its time is none')
}
