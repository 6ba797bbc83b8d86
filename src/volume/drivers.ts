import { existsSync, readdirSync } from 'node:fs'
import { InboardError, InvalidOptionError, InvalidStateError } from '../errors/index.js'
import { quoted } from '../errors/printable.js'
import { bounded, type DriverTimeouts, defaultDriverTimeouts } from './bounded-driver.js'
import type { DriverVolume, VolumeDriver } from './driver.js'
import {
  dockerPluginDirectories,
  findPlugin,
  isPluginName,
  listPlugins,
  type PluginDirectories,
} from './plugin-discovery.js'
import { driverNotFound, lookupFailure, openPlugin } from './plugin-driver.js'
import { within } from './time-limit.js'

export interface DriverRegistryOptions {
  /** The driver that is called `local`. */
  readonly local: VolumeDriver
  /** Drivers in TypeScript, by name; they come before plugins. */
  readonly registered?: Readonly<Record<string, VolumeDriver>>
  /** Where plugins are looked for. Default: where Docker looks for them. */
  readonly plugins?: PluginDirectories | undefined
  readonly timeouts?: Partial<DriverTimeouts>
  /** How long a plugin that cannot be connected to is tried again. Default: 15 s, as with Docker. */
  readonly connectMs?: number
}

const defaultConnectMs = 15_000
/** A listing does not wait for plugins that are down. */
const probeMs = 5000

/** Finds volume drivers by name. All that it gives away keep to {@link bounded}'s rules. */
export class DriverRegistry {
  readonly #own: ReadonlyMap<string, VolumeDriver>
  readonly #plugins = new Map<string, Promise<VolumeDriver>>()
  readonly #directories: PluginDirectories
  readonly #timeouts: DriverTimeouts
  readonly #connectMs: number
  readonly #closing = new AbortController()

  /** @throws {InvalidOptionError} for a registered driver that is none, or has an impossible name */
  constructor({ local, registered = {}, plugins, timeouts, connectMs }: DriverRegistryOptions) {
    for (const [name, driver] of Object.entries(registered)) checkRegistered(name, driver)
    this.#timeouts = { ...defaultDriverTimeouts, ...timeouts }
    this.#directories = plugins ?? dockerPluginDirectories
    this.#connectMs = connectMs ?? defaultConnectMs
    this.#own = new Map(
      Object.entries({ ...registered, local }).map(([name, driver]) => [name, this.#bounded(driver, name)]),
    )
  }

  /**
   * The driver of a name; plugins are shaken hands with first, and kept.
   *
   * @throws {NotFoundError} `VOLUME_DRIVER_NOT_FOUND`; {VolumeError} `VOLUME_DRIVER_FAILED` when a plugin does not answer
   */
  async get(name: string, signal?: AbortSignal): Promise<VolumeDriver> {
    this.#closing.signal.throwIfAborted()
    const own = this.#own.get(name)
    if (own) return own
    return within(this.#lookup(name, this.#timeouts.askMs, signal), () => this.#plugin(name))
  }

  /** The names of all drivers there are: those in TypeScript, and plugins that answer. */
  async known(): Promise<string[]> {
    const found = (await listPlugins(this.#directories)).filter((name) => !this.#own.has(name))
    const answering = await Promise.all(found.map(async (name) => ((await this.#answers(name)) ? [name] : [])))
    return [...this.#own.keys(), ...answering.flat()].sort()
  }

  /** Whether there may be another driver than `local`: cheap, for those who ask with every new volume. */
  hasOthers(): boolean {
    const { sockets, specs } = this.#directories
    return this.#own.size > 1 || [...sockets, ...specs].some(hasEntries)
  }

  /**
   * A volume of a name that a driver other than `local` has, of the first that has it: as Docker finds one that it was not
   * told of. A driver that fails, or does not answer soon, is taken to have none.
   */
  async find(name: string, signal: AbortSignal): Promise<(DriverVolume & { readonly driver: string }) | undefined> {
    const drivers = (await this.known()).filter((driver) => driver !== 'local')
    const ask = async (driver: string) => {
      const limit = this.#lookup(driver, Math.min(probeMs, this.#timeouts.askMs), signal)
      try {
        return await within(limit, async (signal) => lookUp(await this.get(driver, signal), name, signal))
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof InboardError) return undefined
        throw error
      }
    }
    const found = await Promise.all(drivers.map(async (driver) => ({ driver, volume: await ask(driver) })))
    const first = found.find(({ volume }) => volume !== undefined)
    return first?.volume && { ...first.volume, driver: first.driver }
  }

  /** Ends all calls that are on their way; there are no others afterwards. */
  close(): void {
    this.#closing.abort(closedError())
  }

  #bounded(driver: VolumeDriver, name: string): VolumeDriver {
    return bounded(driver, name, { timeouts: this.#timeouts, closed: this.#closing.signal })
  }

  /** Whoever comes for the same plugin meanwhile waits for the same handshake; who goes does not end it for others. */
  #plugin(name: string): Promise<VolumeDriver> {
    const kept = this.#plugins.get(name)
    if (kept) return kept
    const opened = within(this.#lookup(name, this.#timeouts.askMs), (signal) =>
      this.#open(name, this.#connectMs, signal),
    )
    this.#plugins.set(name, opened)
    opened.catch(() => this.#plugins.delete(name))
    return opened
  }

  async #answers(name: string): Promise<boolean> {
    const lookup = this.#lookup(name, Math.min(probeMs, this.#timeouts.askMs))
    try {
      const driver = await within(lookup, (signal) => this.#plugins.get(name) ?? this.#open(name, 0, signal))
      if (!this.#plugins.has(name)) this.#plugins.set(name, Promise.resolve(driver))
      return true
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      if (error instanceof InboardError) return false
      throw error
    }
  }

  #lookup(name: string, ms: number, signal?: AbortSignal) {
    const tooLate = () => lookupFailure(name, `Plugin.Activate: the plugin did not answer within ${ms / 1000} s`)
    return { ms, tooLate, signals: [this.#closing.signal, signal] }
  }

  async #open(name: string, connectMs: number, signal: AbortSignal): Promise<VolumeDriver> {
    const address = await findPlugin(name, this.#directories)
    if (!address) throw driverNotFound(name)
    const onUnreached = () => this.#plugins.delete(name)
    return this.#bounded(await openPlugin(address, { connectMs, signal, onUnreached }), name)
  }
}

/** What a driver knows of a volume; undefined where it has none, or cannot tell. */
export async function lookUp(
  driver: VolumeDriver,
  name: string,
  signal: AbortSignal,
): Promise<DriverVolume | undefined> {
  if (driver.get) return driver.get(name, { signal })
  return (await driver.list?.({ signal }))?.find((volume) => volume.name === name)
}

/** What cannot be read may have some: whoever looks closer says why it cannot. */
function hasEntries(directory: string): boolean {
  try {
    return existsSync(directory) && readdirSync(directory).length > 0
  } catch {
    return true
  }
}

const required = ['create', 'remove', 'mount', 'unmount'] as const
const optional = ['path', 'get', 'list', 'capabilities'] as const

function checkRegistered(name: string, driver: VolumeDriver): void {
  if (name === 'local' || !isPluginName(name))
    throw invalidDriver(
      name,
      name === 'local'
        ? 'local is the name of the driver that is built in'
        : 'names have letters, digits, _, . and - only',
    )
  const missing = required.find((method) => typeof driver?.[method] !== 'function')
  if (missing) throw invalidDriver(name, `a volume driver has a function ${missing}()`)
  const wrong = optional.find((method) => driver[method] !== undefined && typeof driver[method] !== 'function')
  if (wrong) throw invalidDriver(name, `${wrong} is not a function`)
}

function invalidDriver(name: string, why: string): InvalidOptionError {
  return new InvalidOptionError(`volumeDrivers[${quoted(name)}]: ${why}`, {
    code: 'INVALID_OPTION',
    details: { option: 'volumeDrivers', driver: name },
  })
}

function closedError(): InvalidStateError {
  return new InvalidStateError('the engine is closed', { code: 'ENGINE_CLOSED' })
}
