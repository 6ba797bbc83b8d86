import { randomBytes } from 'node:crypto'
import { checkVolumeName } from '../spec/index.js'
import { checkText, invalidOption } from '../spec/invalid.js'
import { parseLabels } from '../spec/labels.js'
import type { VolumeRequest } from '../volume/volume-record.js'

/** Options of a volume that is to be made: `docker volume create`'s. */
export interface CreateVolumeOptions {
  /** `'local'`, one of the engine's `volumeDrivers`, or a plugin. Default: that of the volume when it exists, else `'local'`. */
  readonly driver?: string
  /** The driver's, by its names: `{ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }` with `local`. */
  readonly driverOptions?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** It is removed with the process that makes it, however that ends. Default false. */
  readonly ephemeral?: boolean
}

/** What volumes have that were made without a name. */
export const anonymousLabel = 'com.docker.volume.anonymous'

/** The name of a volume that is given none. */
export const anonymousName = () => randomBytes(32).toString('hex')

/** @throws {InvalidOptionError} INVALID_OPTION, in Docker's words */
export function volumeRequest(name: string | undefined, options: CreateVolumeOptions): VolumeRequest {
  const { driver = '', driverOptions = {}, labels } = options
  const isAnonymous = name === undefined || name === ''
  return {
    name: isAnonymous ? anonymousName() : checkVolumeName('name', checkText('name', name)),
    isAnonymous,
    driver: checkText('driver', driver),
    labels: { ...parseLabels(labels), ...(isAnonymous && { [anonymousLabel]: '' }) },
    options: checkOptions(driverOptions),
  }
}

function checkOptions(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidOption(
      'driverOptions',
      `invalid value for driverOptions: ${String(options)}`,
      'give an object of strings',
    )
  for (const text of Object.entries(options).flat()) checkText('driverOptions', text)
  return { ...options }
}
