import { parseBlockIo } from './block-io.js'
import { parseCpuList } from './cpu-list.js'
import { checkFlag, checkInteger, checkText, invalidOption } from './invalid.js'
import type { ContainerConfig, RunOptions } from './options.js'
import { compact } from './records.js'
import { parseSize } from './size.js'

/** What the host has, as far as limits depend on it. */
export interface HostLimits {
  /** CPUs that the engine may use. */
  readonly cpus: number
  /** Their numbers (`0-3`); undefined: the kernel will tell. */
  readonly cpuList?: string
  /** Memory nodes (`0`); undefined: the kernel will tell. */
  readonly memoryNodes?: string
}

const minMemory = 6 * 1024 * 1024
const defaultPeriod = 100_000

/**
 * Memory, CPU and process limits, by Docker's rules.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseResources(raw: RunOptions, host: HostLimits): ContainerConfig['resources'] {
  const pidsLimit = checkInteger('pidsLimit', raw.pidsLimit)
  return compact({
    ...parseMemory(raw),
    ...parseCpu(raw, host),
    ...parseBlockIo(raw),
    cpusetCpus: parseSet('cpusetCpus', raw.cpusetCpus, host.cpuList),
    cpusetMems: parseSet('cpusetMems', raw.cpusetMems, host.memoryNodes),
    pidsLimit: pidsLimit !== undefined && pidsLimit > 0 ? pidsLimit : undefined,
  })
}

function parseMemory(raw: RunOptions) {
  const memory = sizeOf('memory', raw.memory)
  const memoryReservation = sizeOf('memoryReservation', raw.memoryReservation)
  const given = parseSwap(raw.memorySwap)
  const more = "give at least '6m'"
  if (memory !== undefined && memory < minMemory)
    throw invalidOption('memory', 'Minimum memory limit allowed is 6MB', more, raw.memory)
  if (memoryReservation !== undefined && memoryReservation < minMemory)
    throw invalidOption('memoryReservation', 'Minimum memory reservation allowed is 6MB', more, raw.memoryReservation)
  if (memory !== undefined && memoryReservation !== undefined && memory < memoryReservation)
    throw invalidOption(
      'memoryReservation',
      'Minimum memory limit can not be less than memory reservation limit, see usage',
      'reserve no more than the limit',
      raw.memoryReservation,
    )
  checkSwap(memory, given)
  const memorySwap = given ?? (memory === undefined ? undefined : memory * 2)
  const oomKillDisable = checkFlag('oomKillDisable', raw.oomKillDisable) || undefined
  return {
    memory,
    memorySwap,
    memoryReservation,
    memorySwappiness: parseSwappiness(raw.memorySwappiness),
    oomKillDisable,
  }
}

function parseSwappiness(value: number | undefined): number | undefined {
  if (value === undefined || value === -1) return undefined
  if (Number.isInteger(value) && value >= 0 && value <= 100) return value
  throw invalidOption(
    'memorySwappiness',
    `Invalid value: ${value}, valid memory swappiness range is 0-100`,
    'give a number in it, or -1',
    value,
  )
}

/** Memory and swap together; -1 is unlimited. */
function parseSwap(value: number | string | undefined): number | undefined {
  return value === -1 || value === '-1' ? -1 : sizeOf('memorySwap', value)
}

function checkSwap(memory: number | undefined, swap: number | undefined): void {
  if (swap === undefined || swap === -1) return
  if (memory === undefined)
    throw invalidOption(
      'memorySwap',
      'You should always set the Memory limit when using Memoryswap limit, see usage',
      'set memory as well',
      swap,
    )
  if (swap < memory)
    throw invalidOption(
      'memorySwap',
      'Minimum memoryswap limit should be larger than memory limit, see usage',
      'it counts memory and swap together',
      swap,
    )
}

// Docker's zero means "not given".
function sizeOf(option: string, value: number | string | undefined): number | undefined {
  return value === undefined ? undefined : parseSize(option, value) || undefined
}

function parseCpu(raw: RunOptions, { cpus: available }: HostLimits) {
  const cpuPeriod = checkInteger('cpuPeriod', raw.cpuPeriod) || undefined
  const cpuQuota = checkInteger('cpuQuota', raw.cpuQuota) || undefined
  const cpuShares = checkInteger('cpuShares', raw.cpuShares, 0) || undefined
  const cpus = parseCpus(raw.cpus, available)
  if (cpus !== undefined) {
    checkConflict('Period', cpuPeriod)
    checkConflict('Quota', cpuQuota)
    const nanoCpus = Math.round(cpus * 1e9)
    return { cpuShares, nanoCpus, cpuPeriod: defaultPeriod, cpuQuota: Math.trunc(cpus * defaultPeriod + 1e-6) }
  }
  if (cpuPeriod !== undefined && (cpuPeriod < 1000 || cpuPeriod > 1_000_000))
    throw invalidOption(
      'cpuPeriod',
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
      'give microseconds, 100000 as a rule',
      cpuPeriod,
    )
  if (cpuQuota !== undefined && cpuQuota > 0 && cpuQuota < 1000)
    throw invalidOption(
      'cpuQuota',
      'CPU cfs quota can not be less than 1ms (i.e. 1000)',
      'give microseconds of each period',
      cpuQuota,
    )
  return { cpuShares, cpuPeriod, cpuQuota: cpuQuota !== undefined && cpuQuota < 0 ? undefined : cpuQuota }
}

function checkConflict(name: 'Period' | 'Quota', value: number | undefined): void {
  if (value !== undefined)
    throw invalidOption(
      'cpus',
      `Conflicting options: Nano CPUs and CPU ${name} cannot both be set`,
      `leave out cpus or cpu${name}`,
    )
}

function parseCpus(value: number | string | undefined, available: number): number | undefined {
  if (value === undefined) return undefined
  const text = typeof value === 'number' ? String(value) : checkText('cpus', value).trim()
  const cpus = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(cpus))
    throw invalidOption('cpus', `failed to parse ${text} as a rational number`, "give a number such as '1.5'", value)
  if (cpus === 0) return undefined
  if (cpus < 0.01 || cpus > available)
    throw invalidOption(
      'cpus',
      `Range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
      'give a number in that range',
      value,
    )
  return cpus
}

const setTexts = {
  cpusetCpus: { field: 'cpuset cpus', things: 'CPUs' },
  cpusetMems: { field: 'cpuset mems', things: 'memory nodes' },
} as const

function parseSet(option: 'cpusetCpus' | 'cpusetMems', value: string | undefined, available: string | undefined) {
  if (value === undefined || value === '') return undefined
  const { field, things } = setTexts[option]
  const numbers = parseCpuList(checkText(option, value))
  if (numbers === undefined)
    throw invalidOption(
      option,
      `Invalid value ${value} for ${field}: invalid format: ${value}`,
      "write a list such as '0-2,7'",
      value,
    )
  const present = available === undefined ? undefined : parseCpuList(available)
  if (present && !numbers.every((number) => present.includes(number)))
    throw invalidOption(
      option,
      `Requested ${things} are not available - requested ${value}, available: ${available}`,
      'choose among those',
      value,
    )
  return value
}
