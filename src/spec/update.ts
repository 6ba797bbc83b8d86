import { invalidOption } from './invalid.js'
import type { ContainerConfig, RestartInput, RunOptions } from './options.js'
import { compact } from './records.js'
import { type HostLimits, parseResources } from './resources.js'
import { parseRestart } from './restart.js'

/** What can be changed of a container that is there, running or not: options of `docker update`. Zero changes nothing, as there. */
export interface UpdateOptions
  extends Pick<
    RunOptions,
    | 'memory'
    | 'memorySwap'
    | 'memoryReservation'
    | 'cpus'
    | 'cpuShares'
    | 'cpuPeriod'
    | 'cpuQuota'
    | 'cpusetCpus'
    | 'cpusetMems'
    | 'pidsLimit'
    | 'blkioWeight'
  > {
  readonly restart?: RestartInput
}

type Resources = ContainerConfig['resources']

/**
 * A container's configuration with some options changed, by Docker's rules: what is asked for must be possible by itself, and
 * beside what is there.
 *
 * @param id for messages
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function updateConfig(
  id: string,
  config: ContainerConfig,
  options: UpdateOptions,
  host: HostLimits,
): ContainerConfig {
  const resources = updateResources(id, config.resources, options, host)
  if (options.restart === undefined || options.restart === '') return { ...config, resources }
  const restartPolicy = parseRestart(options.restart)
  if (config.rm && restartPolicy.name !== 'no')
    throw cannot(
      id,
      'restart',
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
      'it is removed when it ends',
    )
  return { ...config, resources, restartPolicy }
}

function updateResources(id: string, has: Resources, options: UpdateOptions, host: HostLimits): Resources {
  const { restart: _, ...given } = options
  const asked = parseResources(withMemory(given, has), host)
  checkProcessors(id, has, asked, given)
  checkMemory(id, has, asked, given)
  const isAsked = (name: keyof typeof given) => given[name] !== undefined && Number(given[name]) !== 0
  return compact({
    ...has,
    ...compact({
      memory: isAsked('memory') ? asked.memory : undefined,
      memorySwap: isAsked('memorySwap') ? asked.memorySwap : undefined,
      memoryReservation: asked.memoryReservation,
      nanoCpus: asked.nanoCpus,
      cpuPeriod: asked.cpuPeriod,
      // No quota any more is -1: the kernel has to be told.
      cpuQuota: isAsked('cpuQuota') ? (asked.cpuQuota ?? -1) : asked.cpuQuota,
      cpuShares: asked.cpuShares,
      cpusetCpus: asked.cpusetCpus,
      cpusetMems: asked.cpusetMems,
      pidsLimit: given.pidsLimit === undefined ? undefined : (asked.pidsLimit ?? 0),
      blkioWeight: asked.blkioWeight,
    }),
  })
}

/** A limit of swap alone goes with the limit of memory that is there. */
function withMemory(given: Omit<UpdateOptions, 'restart'>, has: Resources): Omit<UpdateOptions, 'restart'> {
  return given.memorySwap && !given.memory && has.memory !== undefined ? { ...given, memory: has.memory } : given
}

function checkMemory(id: string, has: Resources, { memory }: Resources, given: UpdateOptions): void {
  if (!given.memory || given.memorySwap || memory === undefined || memory <= (has.memorySwap ?? 0)) return
  throw cannot(
    id,
    'memory',
    'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    'set memorySwap as well',
  )
}

/** `cpus` is a period and a quota itself. */
function checkProcessors(id: string, has: Resources, asked: Resources, given: UpdateOptions): void {
  const kinds = [
    ['CPU Period', 'cpuPeriod'],
    ['CPU Quota', 'cpuQuota'],
  ] as const
  for (const [name, option] of kinds) {
    if (asked.nanoCpus !== undefined && has.nanoCpus === undefined && (has[option] ?? 0) > 0)
      throw cannot(
        id,
        'cpus',
        `Conflicting options: Nano CPUs cannot be updated as ${name} has already been set`,
        `set ${option}`,
      )
    if ((given[option] ?? 0) > 0 && has.nanoCpus !== undefined)
      throw cannot(
        id,
        option,
        `Conflicting options: ${name} cannot be updated as NanoCPUs has already been set`,
        'set cpus',
      )
  }
}

function cannot(id: string, option: string, why: string, hint: string) {
  return invalidOption(option, `Cannot update container ${id}: ${why}`, hint)
}
