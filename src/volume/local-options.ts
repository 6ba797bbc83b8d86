import { InvalidOptionError } from '../errors/index.js'
import { MS, mountWords } from '../host/index.js'
import { checkText } from '../spec/invalid.js'
import { parseSize } from '../spec/size.js'

/** What the driver `local` mounts for a volume, as mount(2) takes it. */
export interface LocalMount {
  /** `device`. */
  readonly source: string
  readonly type: string
  readonly flags: number
  /** Set by a call of its own; 0: as it is. */
  readonly propagation: number
  /** The filesystem's own options, in order. */
  readonly data: readonly string[]
  /** `o` has `loop`. */
  readonly wantsLoop: boolean
}

/** Each option of the driver `local`, with the options that it needs beside it. */
const needs: Readonly<Record<string, readonly string[]>> = {
  type: ['device'],
  device: ['type'],
  o: ['device', 'type'],
  size: [],
}

/**
 * Checks the options of a volume of the driver `local`, and compiles them; undefined when it is a directory.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function localMount(options: Readonly<Record<string, string>>): LocalMount | undefined {
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(needs, option)) throw unknownOption(option)
    checkText(option, value)
  }
  for (const [option, others] of Object.entries(needs))
    for (const other of others)
      if (options[option] !== undefined && options[other] === undefined) throw missingOption(option, other)
  const { type = '', device = '', o = '' } = options
  const words = o.split(',').filter((word) => word !== '')
  const { flags, propagation, rest } = mountWords(words.filter((word) => word !== 'loop'))
  const data = [...rest, ...sizeData(type, options.size)]
  if (type === '' && device === '') return undefined
  return { source: device, type, flags, propagation, data, wantsLoop: words.includes('loop') }
}

/** A tmpfs has a size of its own; elsewhere it would be a quota's. */
function sizeData(type: string, size: string | undefined): string[] {
  const bytes = size === undefined ? 0 : parseSize('size', size)
  if (bytes === 0) return []
  if (type === 'tmpfs') return [`size=${bytes}`]
  throw new InvalidOptionError(
    "quota size requested but no quota support: leave size out, use type 'tmpfs', or a file with a filesystem of that size as device",
    { code: 'INVALID_OPTION', details: { option: 'size', value: size } },
  )
}

const networkTypes: readonly string[] = ['nfs', 'nfs4', 'cifs', 'smb3']

/** The name of the server, when the kernel has to be given its address instead. */
export function serverName({ type, data }: LocalMount, isAddress: (text: string) => boolean): string | undefined {
  if (!networkTypes.includes(type)) return undefined
  const server = data.find((word) => word.startsWith('addr='))?.slice('addr='.length)
  return server === undefined || server === '' || isAddress(server) ? undefined : server
}

export function withServerAddress(mount: LocalMount, name: string, address: string): LocalMount {
  return { ...mount, data: mount.data.map((word) => (word === `addr=${name}` ? `addr=${address}` : word)) }
}

/** Whether what is mounted must be changed once more, for flags that a new bind does not take. */
export function bindFlags({ flags }: LocalMount): number | undefined {
  const own = flags & ~(MS.BIND | MS.REC)
  return (flags & MS.BIND) !== 0 && own !== 0 ? own | MS.BIND | MS.REMOUNT : undefined
}

/** A mount in Docker's words, without passwords. */
export function describeMount({ source, flags, data }: LocalMount, target: string): string {
  const words = data.map((word) => word.replace(/^(pass|password)=.*/, '$1=********')).join(',')
  return `mount ${source}:${target}${flags ? `, flags: 0x${flags.toString(16)}` : ''}${words ? `, data: ${words}` : ''}`
}

function unknownOption(option: string): InvalidOptionError {
  return new InvalidOptionError(
    `invalid option: ${JSON.stringify(option)}: the driver local has type, device, o and size`,
    { code: 'INVALID_OPTION', details: { option } },
  )
}

function missingOption(option: string, missing: string): InvalidOptionError {
  return new InvalidOptionError(`missing required option: "${missing}": it belongs to ${option}`, {
    code: 'INVALID_OPTION',
    details: { option: missing },
  })
}
