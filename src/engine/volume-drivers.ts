import { InboardError } from '../errors/index.js'
import type { DriverVolume, VolumeDriver } from '../volume/driver.js'
import type { VolumeKeeper } from '../volume/keeper.js'

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
  // What `local` has, the store knows.
  const names = (await keeper.knownDrivers()).filter((driver) => driver !== 'local' && isWanted(driver))
  const answers = await Promise.all(names.map((name) => tolerating(signal, () => ask(keeper, name, signal))))
  return {
    told: answers.filter((answer): answer is Told => !(answer instanceof InboardError)),
    failures: answers.filter((answer): answer is InboardError => answer instanceof InboardError),
  }
}

export async function scopeOf(driver: VolumeDriver, signal: AbortSignal): Promise<Scope> {
  return (await driver.capabilities?.({ signal }))?.scope ?? 'local'
}

async function ask(keeper: VolumeKeeper, name: string, signal: AbortSignal): Promise<Told> {
  const driver = await keeper.driver(name)
  const [volumes = [], scope] = await Promise.all([driver.list?.({ signal }), scopeOf(driver, signal)])
  return { driver: name, scope, volumes }
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
