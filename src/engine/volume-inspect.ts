import type { VolumeRecord } from '../store/volumes.js'
import type { VolumeKeeper } from '../volume/keeper.js'
import { noSuchVolume } from '../volume/volume-errors.js'
import { scopeOf } from './volume-drivers.js'

/** `docker volume inspect`. */
export interface VolumeInspect {
  /** RFC 3339, in UTC. */
  readonly CreatedAt: string
  readonly Driver: string
  /** null: none. */
  readonly Labels: Readonly<Record<string, string>> | null
  /** Where its files are on the host; `''`: its driver tells it only while the volume is mounted. */
  readonly Mountpoint: string
  readonly Name: string
  /** The driver's; null: none. */
  readonly Options: Readonly<Record<string, string>> | null
  readonly Scope: 'local' | 'global'
  /** Whatever the driver tells of it: `local` the number of `Layers` of one that shares files with clones. */
  readonly Status?: Readonly<Record<string, unknown>>
  /** Only with `size`. */
  readonly UsageData?: VolumeUsageData
}

export interface VolumeUsageData {
  /** Bytes of its files, of a clone and what it was made of those that no other shares; -1 for one whose files are elsewhere. */
  readonly Size: number
  /** How many containers, running or not, refer to it. */
  readonly RefCount: number
}

export async function inspectVolume(
  keeper: VolumeKeeper,
  record: VolumeRecord,
  { size, signal }: { readonly size: boolean; readonly signal: AbortSignal },
): Promise<VolumeInspect> {
  const { createdAt, mountpoint, scope, status } = await describe(keeper, record, signal)
  return {
    CreatedAt: createdAt.toISOString().replace(/\.\d+/, ''),
    Driver: record.driver,
    Labels: orNull(record.labels),
    Mountpoint: mountpoint,
    Name: record.name,
    Options: orNull(record.options),
    Scope: scope,
    ...(status && { Status: status }),
    ...(size && { UsageData: await usageOf(keeper, record) }),
  }
}

const orNull = (record: Readonly<Record<string, string>>) => (Object.keys(record).length > 0 ? record : null)

/** How much a volume is, and how many containers have it. */
export async function usageOf(keeper: VolumeKeeper, record: VolumeRecord): Promise<VolumeUsageData> {
  return {
    Size: (await keeper.size(record)) ?? -1,
    RefCount: keeper.store.users(record.name).length,
  }
}

/** Docker's driver tells nothing; this one of what a volume shares with its clones. */
const statusOf = ({ layers }: VolumeRecord) => (layers.length > 0 ? { Layers: layers.length } : undefined)

async function describe(keeper: VolumeKeeper, record: VolumeRecord, signal: AbortSignal) {
  const { name } = record
  const recordedAt = new Date(record.createdAtMs)
  if (record.driver === 'local')
    return { createdAt: recordedAt, mountpoint: keeper.path(name), scope: 'local', status: statusOf(record) } as const
  const driver = await keeper.driver(record.driver)
  const [known, scope] = await Promise.all([driver.get?.(name, { signal }), scopeOf(driver, signal)])
  // Removed behind the engine's back.
  if (driver.get && !known) throw noSuchVolume(name)
  const mountpoint =
    known?.mountpoint ||
    (await driver.path?.(name, { signal })) ||
    keeper.mountpointOf({ volume: name, driver: record.driver })
  return { createdAt: known?.createdAt ?? recordedAt, mountpoint, scope, status: known?.status }
}
