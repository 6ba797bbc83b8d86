import { InvalidOptionError } from '../errors/index.js'
import { addressOf } from './address.js'
import type { NetworkDefinition, NetworkDriver } from './definition.js'

/** What a driver's options say. */
export interface DriverDefinition extends Pick<NetworkDefinition, 'icc' | 'masquerade' | 'hostBinding' | 'mode'> {
  /** '' : one of the network's own, whose name begins with `dummyPrefix`. */
  readonly interface: string
  readonly dummyPrefix: string
  readonly mtu?: number
}

type Options = Readonly<Record<string, string>>

const names = {
  bridge: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  icc: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
} as const

/** Reads a driver's options by Docker's names; those that it does not know are kept, and mean nothing. @throws {InvalidOptionError} */
export function driverDefinition(driver: NetworkDriver, options: Options): DriverDefinition {
  const mtu = mtuOf(options[names.mtu])
  const common = { ...(mtu !== undefined && { mtu }), icc: true, masquerade: false, hostBinding: '0.0.0.0', mode: '' }
  switch (driver) {
    case 'macvlan':
      return { ...common, dummyPrefix: 'dm-', interface: parentOf(driver, options), mode: macvlanMode(options) }
    case 'ipvlan':
      checkFlag(options)
      return { ...common, dummyPrefix: 'dm-', interface: parentOf(driver, options), mode: ipvlanMode(options) }
    default:
      return {
        ...common,
        dummyPrefix: 'br-',
        interface: interfaceName(names.bridge, options[names.bridge] ?? ''),
        icc: booleanOf(names.icc, options),
        masquerade: booleanOf(names.masquerade, options),
        hostBinding: hostBindingOf(options[names.hostBinding]),
      }
  }
}

const macvlanMode = ({ macvlan_mode: mode = 'bridge' }: Options) =>
  choice(
    mode,
    ['bridge', 'private', 'vepa', 'passthru'],
    `requested macvlan mode '${mode}' is not valid, 'bridge' mode is the macvlan driver default`,
  )

const ipvlanMode = ({ ipvlan_mode: mode = 'l2' }: Options) =>
  choice(
    mode,
    ['l2', 'l3', 'l3s'],
    `requested ipvlan mode '${mode}' is not valid, 'l2' mode is the ipvlan driver default`,
  )

const checkFlag = ({ ipvlan_flag: flag = 'bridge' }: Options) =>
  choice(
    flag,
    ['bridge', 'private', 'vepa'],
    `requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`,
  )

function choice(given: string, allowed: readonly string[], refusal: string): string {
  if (allowed.includes(given)) return given
  throw invalid(`${refusal}; others are ${allowed.slice(1).join(', ')}`, given)
}

function parentOf(driver: NetworkDriver, { parent = '' }: Options): string {
  if (parent === 'lo') throw invalid(`loopback interface is not a valid ${driver} parent link`, parent)
  return interfaceName('parent', parent)
}

/** Those that are directories of parameters beside the interfaces' own. */
const reserved: readonly string[] = ['.', '..', 'all', 'default']

/** What `%` stands for would be chosen by the kernel. @see dev_valid_name() of the kernel */
function interfaceName(option: string, name: string): string {
  const isShort = Buffer.byteLength(name) <= 15
  if (name === '' || (isShort && /^[^\s/:%\p{Cc}]+$/u.test(name) && !reserved.includes(name))) return name
  throw invalid(
    `invalid ${option} ${JSON.stringify(name)}: an interface has a name of 1 to 15 bytes, without spaces, /, : and %, and not one of ${reserved.join(', ')}`,
    name,
  )
}

// Go's strconv.ParseBool
const truths: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false]),
])

function booleanOf(name: string, options: Options): boolean {
  const given = options[name]
  if (given === undefined) return true
  const value = Object.hasOwn(truths, given) ? truths[given] : undefined
  if (value !== undefined) return value
  throw invalid(
    `failed to parse ${name} value: ${given} (strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax)`,
    given,
  )
}

/** Bounds of the kernel for Ethernet-like interfaces. */
const [smallestMtu, largestMtu] = [68, 65_535]

function mtuOf(given: string | undefined): number | undefined {
  if (given === undefined) return
  if (!/^[+-]?\d+$/.test(given))
    throw invalid(
      `failed to parse ${names.mtu} value: ${given} (strconv.Atoi: parsing ${JSON.stringify(given)}: invalid syntax)`,
      given,
    )
  const mtu = Number(given)
  if (mtu === 0) return
  if (mtu >= smallestMtu && mtu <= largestMtu) return mtu
  throw invalid(`invalid MTU number: ${given}: give ${smallestMtu} to ${largestMtu} bytes`, given)
}

function hostBindingOf(given = '0.0.0.0'): string {
  if (addressOf(given)) return given
  throw invalid(`failed to parse ${names.hostBinding} value: ${given} (nil ip)`, given)
}

function invalid(message: string, value: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { option: 'option', value } })
}
