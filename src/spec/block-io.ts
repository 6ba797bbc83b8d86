import { checkInteger, checkText, invalidOption } from './invalid.js'
import type { ContainerConfig, DeviceRateInput, DeviceWeightInput, RunOptions } from './options.js'
import { compact } from './records.js'
import { parseSize } from './size.js'

type BlockIo = Pick<ContainerConfig['resources'], 'blkioWeight' | 'blkioWeightDevice' | RateOption>
type RateOption = 'deviceReadBps' | 'deviceWriteBps' | 'deviceReadIops' | 'deviceWriteIops'

/**
 * `--blkio-weight`, `--blkio-weight-device`, `--device-read-bps` and its kin.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 * @see https://docs.docker.com/engine/containers/run/#block-io-bandwidth-blkio-constraint
 */
export function parseBlockIo(raw: RunOptions): BlockIo {
  return compact({
    blkioWeight: parseWeight('blkioWeight', raw.blkioWeight),
    blkioWeightDevice: listOf(raw.blkioWeightDevice, parseWeightDevice),
    deviceReadBps: listOf(raw.deviceReadBps, (input) => parseRate('deviceReadBps', input, bytes)),
    deviceWriteBps: listOf(raw.deviceWriteBps, (input) => parseRate('deviceWriteBps', input, bytes)),
    deviceReadIops: listOf(raw.deviceReadIops, (input) => parseRate('deviceReadIops', input, operations)),
    deviceWriteIops: listOf(raw.deviceWriteIops, (input) => parseRate('deviceWriteIops', input, operations)),
  })
}

function listOf<Input, Output>(inputs: readonly Input[] | undefined, parse: (input: Input) => Output) {
  return inputs === undefined || inputs.length === 0 ? undefined : inputs.map(parse)
}

/** Relative, 10 to 1000; 0: none. */
function parseWeight(option: string, weight: number | undefined): number | undefined {
  const checked = checkInteger(option, weight) || undefined
  if (checked === undefined || (checked >= 10 && checked <= 1000)) return checked
  throw invalidOption(option, 'Range of blkio weight is from 10 to 1000', 'give a number in it', weight)
}

function parseWeightDevice(input: DeviceWeightInput) {
  const option = 'blkioWeightDevice'
  const { path, weight } =
    typeof input === 'string' ? numbered(option, input, (path, text) => ({ path, weight: Number(text) })) : input
  if (weight !== 0 && !(Number.isInteger(weight) && weight >= 10 && weight <= 1000))
    throw invalidOption(option, `invalid weight for device: ${textOf(input)}`, 'give 10 to 1000, or 0', input)
  return { path: devicePath(option, path, input), weight }
}

interface RateKind {
  parse(option: string, value: number | string): number
  readonly format: string
}

const bytes: RateKind = {
  parse: (option, value) => parseSize(option, value),
  format:
    'The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb',
}

const operations: RateKind = {
  parse: (_option, value) => Number(value),
  format: 'The correct format is <device-path>:<number>. Number must be a positive integer',
}

function parseRate(option: RateOption, input: DeviceRateInput, kind: RateKind) {
  const given = typeof input === 'string' ? numbered(option, input, (path, rate) => ({ path, rate })) : input
  const wrong = () => invalidOption(option, `invalid rate for device: ${textOf(input)}`, kind.format, input)
  let rate: number
  try {
    rate = kind.parse(option, given.rate)
  } catch {
    throw wrong()
  }
  if (!Number.isSafeInteger(rate) || rate < 0) throw wrong()
  return { path: devicePath(option, given.path, input), rate }
}

function numbered<Result>(option: string, text: string, make: (path: string, rest: string) => Result): Result {
  const [path, rest, ...more] = checkText(option, text).split(':')
  if (path && rest && more.length === 0) return make(path, rest)
  throw invalidOption(option, `bad format: ${text}`, "write it as in '/dev/sda:200' or '/dev/sda:1mb'", text)
}

function devicePath(option: string, path: string, input: unknown): string {
  if (checkText(option, path).startsWith('/dev/')) return path
  throw invalidOption(option, `bad format for device path: ${textOf(input)}`, 'begin it with /dev/', input)
}

const textOf = (input: unknown) => (typeof input === 'string' ? input : JSON.stringify(input))
