import { InvalidOptionError } from '../errors/index.js'
import type { TarLimits } from '../layer/index.js'
import { type AddressPool, type AddressPoolOption, normalizeAddressPools } from '../network/address-pools.js'
import type { RegistriesOptions } from '../registry/types.js'
import type { VolumeDriver } from '../volume/driver.js'
import type { PluginDirectories } from '../volume/plugin-discovery.js'
import type { LogDriver } from './log-drivers.js'

/** Options of {@link Engine.open}. */
export interface EngineOptions extends RegistriesOptions {
  /** Images, containers and metadata; survives reboots. Default: `INBOARD_ROOT`, else `/var/lib/inboard`. */
  readonly root?: string
  /** Locks, sockets and records of what runs; on a tmpfs. Default: `INBOARD_RUN_ROOT`, else `/run/inboard`. */
  readonly runRoot?: string
  /** How images' layers are joined. Default: overlay where the filesystem of `root` can, else vfs (copies). */
  readonly storageDriver?: 'overlay' | 'vfs'
  /** How many blobs all pulls together fetch at once. Default: 3. */
  readonly maxConcurrentDownloads?: number
  /** How many blobs all pushes together send at once. Default: 5. */
  readonly maxConcurrentUploads?: number
  /** Bounds on every layer that is pulled, loaded or imported; the defaults of {@link TarLimits}. Beyond them: LAYER_TOO_LARGE. */
  readonly layerLimits?: TarLimits
  /**
   * Where networks without a subnet of their own take theirs: blocks of the prefix length `size` of each `base`. Default:
   * Docker's, 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 by /20. One that overlaps an address or route of the
   * host is passed over.
   */
  readonly defaultAddressPools?: readonly AddressPoolOption[]
  /**
   * Drivers of volumes beside `local`, by name: objects of yours that implement {@link VolumeDriver}. The same ones are
   * needed by every process that opens the root: a volume whose driver is missing can neither be mounted nor, but for its
   * record (`remove({ force: true })`), be removed.
   *
   * @example
   * ```ts
   * await using engine = await Engine.open({ volumeDrivers: { loop: loopVolumes('/var/lib/loop-volumes') } }) // examples/drivers/loop-volumes.ts
   * await engine.volumes.create('small').driver('loop').opt({ size: '64m' })
   * ```
   */
  readonly volumeDrivers?: Readonly<Record<string, VolumeDriver>>
  /**
   * Drivers of logs beside `json-file`, `local` and `none`, by name: objects of yours that implement {@link LogDriver}. Of the
   * processes that open the root and have a driver, one feeds it with a container's output.
   */
  readonly logDrivers?: Readonly<Record<string, LogDriver>>
  /**
   * Where Docker's volume plugins are looked for: programs of the host that tell of themselves by a socket, `NAME.sock`, or
   * by a `NAME.spec` or `NAME.json` that says where they listen. Default: Docker's directories, so a plugin that runs is
   * used without more: `driver('NAME')`, `.volumeDriver('NAME')`. Those of `docker plugin install` are none of these.
   *
   * @example
   * ```ts
   * await using engine = await Engine.open({ volumePluginDirectories: { sockets: ['/run/my-plugins'], specs: [] } })
   * ```
   */
  readonly volumePluginDirectories?: PluginDirectories
}

export interface NormalizedEngineOptions {
  readonly root: string
  readonly runRoot: string
  readonly storageDriver: 'overlay' | 'vfs' | undefined
  readonly maxConcurrentDownloads: number
  readonly maxConcurrentUploads: number
  readonly layerLimits: TarLimits
  /** Undefined: Docker's, and one of the root's own for IPv6. */
  readonly addressPools: readonly AddressPool[] | undefined
  readonly registries: RegistriesOptions
  readonly volumeDrivers: Readonly<Record<string, VolumeDriver>>
  readonly logDrivers: Readonly<Record<string, LogDriver>>
  /** Undefined: Docker's. */
  readonly volumePluginDirectories: PluginDirectories | undefined
}

// sockaddr_un has 108 bytes, and `/<id>/sock` with its NUL takes 71 of them. @see unix(7)
const longestRunRoot = 108 - 71

export function normalizeEngineOptions(options: EngineOptions, env: NodeJS.ProcessEnv): NormalizedEngineOptions {
  const root = absolute('root', options.root ?? env.INBOARD_ROOT ?? '/var/lib/inboard')
  const runRoot = absolute('runRoot', options.runRoot ?? env.INBOARD_RUN_ROOT ?? '/run/inboard')
  if (Buffer.byteLength(runRoot) > longestRunRoot)
    throw invalid(
      'runRoot',
      runRoot,
      `is longer than the ${longestRunRoot} bytes that leave room for a socket's address: use a shorter path, such as one below /run`,
    )
  if (options.storageDriver !== undefined && !['overlay', 'vfs'].includes(options.storageDriver))
    throw invalid('storageDriver', options.storageDriver, "is none of 'overlay' and 'vfs'")
  return {
    root,
    runRoot,
    storageDriver: options.storageDriver,
    maxConcurrentDownloads: count('maxConcurrentDownloads', options.maxConcurrentDownloads ?? 3),
    maxConcurrentUploads: count('maxConcurrentUploads', options.maxConcurrentUploads ?? 5),
    layerLimits: limits(options.layerLimits ?? {}),
    addressPools: options.defaultAddressPools ? normalizeAddressPools(options.defaultAddressPools) : undefined,
    registries: registriesOptions(options),
    logDrivers: { ...record('logDrivers', options.logDrivers ?? {}) },
    volumeDrivers: { ...record('volumeDrivers', options.volumeDrivers ?? {}) },
    volumePluginDirectories: options.volumePluginDirectories,
  }
}

function absolute(option: string, path: string): string {
  if (!path.startsWith('/')) throw invalid(option, path, 'is not an absolute path')
  // These characters separate the arguments of an overlay mount.
  if (/[:,\\\0]/.test(path)) throw invalid(option, path, 'must not have a colon, comma or backslash')
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

function count(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw invalid(option, value, 'is not a whole number of at least 1')
}

function limits(given: TarLimits): TarLimits {
  for (const [name, value] of Object.entries(record('layerLimits', given)))
    if (value !== undefined && !(typeof value === 'number' && value > 0))
      throw invalid(`layerLimits.${name}`, value, 'is not a number above 0')
  return { ...given }
}

/** What the registries are opened with, at the first use; what each registry's options say is theirs to judge. */
function registriesOptions(options: EngineOptions): RegistriesOptions {
  const { registries, dockerConfigDirectory, certificatesDirectory } = options
  return {
    ...(registries !== undefined && { registries: record('registries', registries) }),
    ...(dockerConfigDirectory !== undefined && {
      dockerConfigDirectory: directory('dockerConfigDirectory', dockerConfigDirectory),
    }),
    ...(certificatesDirectory !== undefined && {
      certificatesDirectory: directory('certificatesDirectory', certificatesDirectory),
    }),
  }
}

function directory(option: string, path: string): string {
  if (typeof path === 'string' && path.startsWith('/') && !path.includes('\0')) return path
  throw invalid(option, path, 'is not an absolute path')
}

function record<Value extends object>(option: string, value: Value): Value {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalid(option, value, 'is not an object')
}

function invalid(option: string, value: unknown, why: string): InvalidOptionError {
  const shown = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value))
  return new InvalidOptionError(`invalid option "${option}": ${shown} ${why}`, {
    code: 'INVALID_OPTION',
    details: { option, value },
  })
}
