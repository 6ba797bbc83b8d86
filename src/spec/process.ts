import { grantedCapabilities, hasCapability } from './capabilities.js'
import { processEnvironment } from './environment.js'
import { initTarget, usesInit } from './filesystem.js'
import type { HostFacts } from './host-facts.js'
import { invalidOption } from './invalid.js'
import { workingDirectory } from './normalize.js'
import type { ContainerConfig, ImageRunConfig } from './options.js'
import type { Capabilities, Process } from './types.js'
import type { ResolvedUser } from './user.js'

/** What a process of a container is made from. */
export interface ProcessInput {
  /** The container's id. */
  readonly id: string
  readonly config: ContainerConfig
  readonly image: ImageRunConfig
  readonly user: ResolvedUser
  readonly host: HostFacts
  /** Of the container whose network it shares. */
  readonly shared?: { readonly hostname: string; readonly domainname: string }
  /** Variables that tell of linked containers. */
  readonly linkEnv?: readonly string[]
}

/** A further process of a running container. */
export interface ExecInput extends ProcessInput {
  readonly exec: {
    readonly command: readonly string[]
    readonly env: readonly string[]
    /** '' : the container's. */
    readonly workdir: string
    readonly tty: boolean
    /** All capabilities that the engine may give. */
    readonly privileged: boolean
  }
}

/**
 * A container's first process.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when neither the user nor the image names a program
 */
export function containerProcess(input: ProcessInput): Process {
  const { config, image, user, host } = input
  const args = processArgs(config, image)
  return {
    terminal: config.tty,
    user: processUser(user),
    args: usesInit(config) ? [initTarget, '--', ...args] : args,
    env: processEnvironment({
      hostname: containerHostname(input),
      tty: config.tty,
      home: user.home,
      linkEnv: input.linkEnv,
      env: config.env,
      imageEnv: image.Env ?? [],
    }),
    cwd: currentDirectory(config, image),
    capabilities: capabilitySets(grantedCapabilities(config, host.capabilities), user),
    rlimits: config.ulimits.map((ulimit) => rlimit(ulimit, host)),
    noNewPrivileges: config.security.noNewPrivileges,
    oomScoreAdj: possibleScore(config.oomScoreAdj, host),
  }
}

/**
 * The process of an exec: like the container's first one, with the exec's own program, user, terminal and variables.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when there is no program
 */
export function execProcess({ exec, ...input }: ExecInput): Process {
  const { config, image, user, host } = input
  if (exec.command.length === 0 || exec.command[0] === '')
    throw invalidOption('exec', 'No exec command specified', "give a program, as in ['sh', '-c', 'true']")
  const granted = grantedCapabilities(exec.privileged ? { ...config, privileged: true } : config, host.capabilities)
  return {
    terminal: exec.tty,
    user: processUser(user),
    args: exec.command,
    env: processEnvironment({
      hostname: containerHostname(input),
      tty: exec.tty,
      home: user.home,
      linkEnv: input.linkEnv,
      env: config.env,
      imageEnv: image.Env ?? [],
      execEnv: exec.env,
    }),
    cwd: exec.workdir === '' ? currentDirectory(config, image) : workingDirectory(exec.workdir),
    capabilities: capabilitySets(granted, user),
    rlimits: config.ulimits.map((ulimit) => rlimit(ulimit, host)),
    noNewPrivileges: config.security.noNewPrivileges,
    oomScoreAdj: possibleScore(config.oomScoreAdj, host),
  }
}

/** The user's name for it; or that of whom it shares its network with, the host or another container; or the short id. */
export function containerHostname({ id, config, host, shared }: ProcessInput): string {
  return shared?.hostname ?? (config.hostname || (config.network === 'host' ? host.hostname : id.slice(0, 12)))
}

/**
 * What runs: the entrypoint with the command behind it. A given entrypoint discards the image's command as well.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when nothing is left
 */
export function processArgs({ entrypoint, command }: ContainerConfig, image: ImageRunConfig): string[] {
  const args =
    entrypoint === undefined
      ? [...(image.Entrypoint ?? []), ...(command.length > 0 ? command : (image.Cmd ?? []))]
      : [...entrypoint, ...command]
  if (args.length > 0 && args[0] !== '') return args
  throw invalidOption('command', 'no command specified', 'the image names no program: give one after the image')
}

function currentDirectory({ workdir }: ContainerConfig, { WorkingDir }: ImageRunConfig): string {
  return workdir || (WorkingDir ? workingDirectory(WorkingDir) : '/')
}

function processUser({ uid, gid, additionalGids }: ResolvedUser): Process['user'] {
  return { uid, gid, additionalGids, umask: 0o022 }
}

/** Only root has its capabilities at once; others may get them from files with capabilities. */
function capabilitySets(granted: readonly string[], { uid }: ResolvedUser): Capabilities {
  const held = uid === 0 ? granted : []
  return { bounding: granted, effective: held, permitted: held, inheritable: [], ambient: [] }
}

/** Without CAP_SYS_RESOURCE a limit above the engine's own would fail: the engine's is as much as it can give. */
function rlimit({ name, soft, hard }: ContainerConfig['ulimits'][number], host: HostFacts): Process['rlimits'][number] {
  const type = `RLIMIT_${name.toUpperCase()}`
  const most = canRaise(host) ? -1 : (host.hardLimits[type] ?? -1)
  return { type, soft: lower(soft, most), hard: lower(hard, most) }
}

function lower(limit: number, most: number): number {
  if (limit === -1 || most === -1) return limit === -1 ? most : limit
  return Math.min(limit, most)
}

function possibleScore(score: number, host: HostFacts): number {
  return canRaise(host) ? score : Math.max(score, host.oomScoreAdj)
}

const canRaise = ({ capabilities }: HostFacts) => hasCapability(capabilities, 'CAP_SYS_RESOURCE')
