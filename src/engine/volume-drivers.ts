import { InboardError } from '../errors/index.js'
import type { VolumeRecord } from '../store/volumes.js'
import type { DriverVolume, VolumeDriver } from '../volume/driver.js'
import { newRecord, type VolumeKeeper } from '../volume/keeper.js'

type Scope = 'local' | 'global'

/** What a driver says of its volumes. */
interface Told {
  readonly driver: string
  readonly scope: Scope
  readonly volumes: readonly DriverVolume[]
}

export interface DriversAnswers {
  /** Of those drivers that answered. */
  readonly told: readonly Told[]
  readonly failures: readonly InboardError[]
}

/** Asks the drivers of others for all that they have; one that fails does not keep the others' answers back. */
export async function askDrivers(
  keeper: VolumeKeeper,
  isWanted: (driver: string) => boolean,
  signal: AbortSignal,
): Promise<DriversAnswers> {
  const names = (await foreignDrivers(keeper)).filter(isWanted)
  const answers = await Promise.all(names.map((name) => tolerating(signal, () => ask(keeper, name, signal))))
  return {
    told: answers.filter((answer): answer is Told => !(answer instanceof InboardError)),
    failures: answers.filter((answer): answer is InboardError => answer instanceof InboardError),
  }
}

/** A volume that the store does not know, of the first driver that does. */
export async function findWithDrivers(
  keeper: VolumeKeeper,
  name: string,
  signal: AbortSignal,
): Promise<VolumeRecord | undefined> {
  const drivers = await foreignDrivers(keeper)
  const found = await Promise.all(
    drivers.map((driver) =>
      tolerating(signal, async () => {
        const known = await lookUp(await keeper.driver(driver), name, signal)
        return known && driverRecord(driver, known)
      }),
    ),
  )
  return found.find((record) => record !== undefined && !(record instanceof InboardError)) as VolumeRecord | undefined
}

/** A volume as the store would have it, had it been made through the engine. */
function driverRecord(driver: string, { name, createdAt }: DriverVolume): VolumeRecord {
  const record = newRecord({ name, driver, isAnonymous: false, labels: {}, options: {} }, 'ready')
  return createdAt ? { ...record, createdAtMs: createdAt.getTime() } : record
}

export async function scopeOf(driver: VolumeDriver, signal: AbortSignal): Promise<Scope> {
  return (await driver.capabilities?.({ signal }))?.scope ?? 'local'
}

/** What `local` has, the store knows. */
const foreignDrivers = async (keeper: VolumeKeeper) =>
  (await keeper.knownDrivers()).filter((driver) => driver !== 'local')

async function ask(keeper: VolumeKeeper, name: string, signal: AbortSignal): Promise<Told> {
  const driver = await keeper.driver(name)
  const [volumes = [], scope] = await Promise.all([driver.list?.({ signal }), scopeOf(driver, signal)])
  return { driver: name, scope, volumes }
}

async function lookUp(driver: VolumeDriver, name: string, signal: AbortSignal): Promise<DriverVolume | undefined> {
  if (driver.get) return driver.get(name, { signal })
  return (await driver.list?.({ signal }))?.find((volume) => volume.name === name)
}

async function tolerating<Result>(signal: AbortSignal, body: () => Promise<Result>): Promise<Result | InboardError> {
  try {
    return await body()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof InboardError) return error
    throw error
  }
}
