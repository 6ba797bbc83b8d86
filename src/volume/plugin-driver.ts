import { NotFoundError, VolumeError } from '../errors/index.js'
import { printable, quoted } from '../errors/printable.js'
import type { DriverVolume, VolumeDriver, VolumeDriverCall } from './driver.js'
import { isObject } from './driver-answers.js'
import { type DriverMethod, driverFailure } from './driver-failure.js'
import type { PluginAddress } from './plugin-address.js'
import { askPlugin, fieldOf, PluginFailure, type PluginReply } from './plugin-client.js'

export interface OpenPluginOptions {
  /** How long a plugin that cannot be connected to is tried again: for the handshake, and at every call. */
  readonly connectMs: number
  /** For the handshake. */
  readonly signal: AbortSignal
  /** Called when it could not be connected to: it may be elsewhere by now. */
  readonly onUnreached?: () => void
}

/**
 * Shakes hands with a plugin.
 *
 * What Docker calls managed plugins (`docker plugin install`), which are containers and propagate mounts of their own, is
 * none of this: those that are found by name are programs of the host.
 *
 * @returns a driver that puts no time limit to its calls
 * @throws {NotFoundError} `VOLUME_DRIVER_NOT_FOUND` for a plugin of another kind; {VolumeError} `VOLUME_DRIVER_FAILED`
 * @see https://docs.docker.com/engine/extend/plugins_volume/#volume-plugin-protocol
 */
export async function openPlugin(address: PluginAddress, options: OpenPluginOptions): Promise<VolumeDriver> {
  const reply = await activate(address, options)
  const kinds = reply.kind === 'answer' ? fieldOf(reply.fields, 'Implements') : undefined
  if (reply.kind === 'refusal') throw lookupFailure(address.name, `Plugin.Activate: ${reply.said}`)
  if (!Array.isArray(kinds) || !kinds.includes('VolumeDriver')) throw otherKind(address)
  return new PluginDriver(address, options)
}

/** In Docker's words, for a name that belongs to no driver at all. */
export function driverNotFound(name: string): NotFoundError {
  const shown = printable(name, 200)
  return new NotFoundError(`error looking up volume plugin ${shown}: plugin ${quoted(name)} not found`, {
    code: 'VOLUME_DRIVER_NOT_FOUND',
    details: { driver: name },
  })
}

async function activate(address: PluginAddress, { signal, connectMs }: OpenPluginOptions): Promise<PluginReply> {
  try {
    return await askPlugin(address, 'Plugin.Activate', undefined, { signal, connectMs })
  } catch (error) {
    throw error instanceof PluginFailure
      ? lookupFailure(address.name, `Plugin.Activate: ${error.message}`, error.cause)
      : error
  }
}

export function lookupFailure(name: string, why: string, cause?: unknown): VolumeError {
  return new VolumeError(`error looking up volume plugin ${name}: ${why}`, {
    code: 'VOLUME_DRIVER_FAILED',
    ...(cause !== undefined && { cause }),
    details: { driver: name, method: 'Plugin.Activate' },
  })
}

function otherKind({ name, source }: PluginAddress): NotFoundError {
  return new NotFoundError(
    `error looking up volume plugin ${name}: legacy plugin: Plugin does not implement the requested driver`,
    { code: 'VOLUME_DRIVER_NOT_FOUND', details: { driver: name, path: source } },
  )
}

/** What Docker takes as a volume's name; a volume of another one cannot be asked for. */
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

interface VolumeRequest {
  readonly Name: string
  readonly Opts?: Readonly<Record<string, string>>
  readonly ID?: string
}

class PluginDriver implements VolumeDriver {
  readonly #address: PluginAddress
  readonly #options: Pick<OpenPluginOptions, 'connectMs' | 'onUnreached'>
  #scope: 'local' | 'global' | undefined

  constructor(address: PluginAddress, options: Pick<OpenPluginOptions, 'connectMs' | 'onUnreached'>) {
    this.#address = address
    this.#options = options
  }

  async create(name: string, options: Readonly<Record<string, string>>, call: VolumeDriverCall): Promise<void> {
    await this.#answer('Create', { Name: name, Opts: options }, call)
  }

  async remove(name: string, call: VolumeDriverCall): Promise<void> {
    await this.#end('Remove', { Name: name }, call)
  }

  async mount(name: string, id: string, call: VolumeDriverCall): Promise<string> {
    return fieldOf(await this.#answer('Mount', { Name: name, ID: id }, call), 'Mountpoint') as string
  }

  async unmount(name: string, id: string, call: VolumeDriverCall): Promise<void> {
    await this.#end('Unmount', { Name: name, ID: id }, call)
  }

  async path(name: string, call: VolumeDriverCall): Promise<string> {
    return fieldOf(await this.#answer('Path', { Name: name }, call), 'Mountpoint') as string
  }

  /** A plugin says in words of its own that it has no such volume: each refusal is taken for that, as by Docker. */
  async get(name: string, call: VolumeDriverCall): Promise<DriverVolume | undefined> {
    const reply = await this.#ask('Get', { Name: name }, call)
    if (reply.kind === 'answer') return volumeOf(fieldOf(reply.fields, 'Volume'), name)
    return reply.status === 404 ? this.#getByPath(name, call) : undefined
  }

  /** The oldest plugins know neither `Get` nor `List`. */
  async #getByPath(name: string, call: VolumeDriverCall): Promise<DriverVolume | undefined> {
    const reply = await this.#ask('Path', { Name: name }, call)
    return reply.kind === 'answer' ? volumeOf({ Mountpoint: fieldOf(reply.fields, 'Mountpoint') }, name) : undefined
  }

  async list(call: VolumeDriverCall): Promise<readonly DriverVolume[]> {
    const reply = await this.#ask('List', {}, call)
    if (reply.kind === 'refusal' && reply.status === 404) return []
    const volumes = fieldOf(this.#accepted('List', undefined, reply), 'Volumes') ?? []
    if (!Array.isArray(volumes)) throw new Error('its volumes are not a list')
    return volumes.map((volume) => volumeOf(volume)).filter((volume) => volume !== undefined)
  }

  /** A plugin without capabilities, or with a scope that nobody knows, is a local one. */
  async capabilities(call: VolumeDriverCall): Promise<{ readonly scope: 'local' | 'global' }> {
    if (this.#scope) return { scope: this.#scope }
    const reply = await this.#ask('Capabilities', {}, call)
    const told = reply.kind === 'answer' ? fieldOf(reply.fields, 'Capabilities') : undefined
    const word = isObject(told) ? fieldOf(told, 'Scope') : undefined
    const scope = typeof word === 'string' && word.toLowerCase() === 'global' ? 'global' : 'local'
    if (reply.kind === 'answer' || reply.status === 404) this.#scope = scope
    return { scope }
  }

  /** A driver is asked again where the engine does not know that it was done: what is gone already is no failure. */
  async #end(method: DriverMethod, request: VolumeRequest, call: VolumeDriverCall): Promise<void> {
    const reply = await this.#ask(method, request, call)
    if (reply.kind === 'refusal' && (await this.#isGone(request.Name, call))) return
    this.#accepted(method, request.Name, reply)
  }

  /** Whether a list of its volumes lacks it. What `Get` says may be that it could not find out. */
  async #isGone(name: string, call: VolumeDriverCall): Promise<boolean> {
    const reply = await this.#ask('List', {}, call)
    const volumes = reply.kind === 'answer' ? (fieldOf(reply.fields, 'Volumes') ?? []) : undefined
    return Array.isArray(volumes) && !volumes.some((volume) => isObject(volume) && fieldOf(volume, 'Name') === name)
  }

  async #answer(method: DriverMethod, request: VolumeRequest, call: VolumeDriverCall) {
    return this.#accepted(method, request.Name, await this.#ask(method, request, call))
  }

  #accepted(method: DriverMethod, volume: string | undefined, reply: PluginReply): Readonly<Record<string, unknown>> {
    if (reply.kind === 'answer') return reply.fields
    const isNamed = reply.status !== 200
    throw driverFailure(method, reply.said, { driver: this.#address.name, volume, isRefusal: true, isNamed })
  }

  async #ask(method: DriverMethod, request: Partial<VolumeRequest>, { signal }: VolumeDriverCall) {
    const { connectMs, onUnreached } = this.#options
    try {
      return await askPlugin(this.#address, `VolumeDriver.${method}`, request, { signal, connectMs })
    } catch (error) {
      if (!(error instanceof PluginFailure)) throw error
      if (error.isUnreached) onUnreached?.()
      const { message, cause } = error
      throw driverFailure(method, message, { driver: this.#address.name, volume: request.Name, cause })
    }
  }
}

/**
 * A volume as the protocol has it.
 *
 * @param asked the name it was asked for by; the plugin's own does not count then
 */
function volumeOf(told: unknown, asked?: string): DriverVolume | undefined {
  if (!isObject(told)) return undefined
  const name = asked ?? fieldOf(told, 'Name')
  if (typeof name !== 'string' || (asked === undefined && !volumeName.test(name))) return undefined
  const mountpoint = fieldOf(told, 'Mountpoint')
  const createdAt = timeOf(fieldOf(told, 'CreatedAt'))
  const status = fieldOf(told, 'Status')
  return {
    name,
    ...(mountpoint != null && { mountpoint: mountpoint as string }),
    ...(createdAt && { createdAt }),
    ...(isObject(status) && { status }),
  }
}

/** Undefined also for the time that Go has where there is none, in the year 1. */
function timeOf(told: unknown): Date | undefined {
  const time = typeof told === 'string' ? new Date(told) : undefined
  return time && time.getTime() > 0 ? time : undefined
}
