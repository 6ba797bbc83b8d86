import { mergeHealthcheck } from '../spec/health.js'
import type { ContainerConfig, ImageHealthcheck, ImageRunConfig } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'
import { inspectVolumes } from './inspect-mounts.js'

/** `Config` of `docker inspect`: what was asked for, and what the image has for the rest. */
export interface InspectConfig {
  readonly Hostname: string
  readonly Domainname: string
  readonly User: string
  readonly AttachStdin: boolean
  readonly AttachStdout: boolean
  readonly AttachStderr: boolean
  /** `80/tcp` */
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Tty: boolean
  readonly OpenStdin: boolean
  readonly StdinOnce: boolean
  /** The user's variables, then those of the image that they do not replace; null: none. */
  readonly Env: readonly string[] | null
  readonly Cmd: readonly string[] | null
  /** Times are nanoseconds. */
  readonly Healthcheck?: ImageHealthcheck
  readonly Image: string
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[] | null
  readonly OnBuild: readonly string[] | null
  /** The one that was asked for. */
  readonly MacAddress?: string
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal?: string
  /** Seconds. */
  readonly StopTimeout?: number
}

/** @param hostname what its program sees */
export function inspectConfig(
  { config, reference }: Pick<ContainerRecord, 'config' | 'reference'>,
  image: ImageRunConfig,
  hostname: string,
): InspectConfig {
  const exposedPorts = exposedPortsOf(config, image)
  const stopSignal = config.stopSignal ?? image.StopSignal
  const stopTimeout = config.stopTimeout ?? image.StopTimeout
  const healthcheck = mergeHealthcheck(config.healthcheck, image.Healthcheck)
  return {
    Hostname: hostname,
    Domainname: config.domainname,
    User: config.user || image.User || '',
    AttachStdin: isAttachedTo(config, 'stdin'),
    AttachStdout: isAttachedTo(config, 'stdout'),
    AttachStderr: isAttachedTo(config, 'stderr'),
    ...(exposedPorts.length > 0 && { ExposedPorts: Object.fromEntries(exposedPorts.map((name) => [name, {}])) }),
    Tty: config.tty,
    OpenStdin: config.interactive,
    StdinOnce: config.stdinOnce ?? (config.interactive && config.attached),
    Env: environment(config, image),
    Cmd: config.command.length > 0 ? config.command : config.entrypoint ? null : (image.Cmd ?? null),
    ...(healthcheck && { Healthcheck: healthcheck }),
    Image: reference,
    Volumes: inspectVolumes(config.mounts, image),
    WorkingDir: config.workdir || image.WorkingDir || '',
    Entrypoint: wordsOf(config.entrypoint ?? image.Entrypoint),
    OnBuild: wordsOf(image.OnBuild),
    ...(config.macAddress !== undefined && { MacAddress: config.macAddress }),
    Labels: labelsOf(config, image),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
  }
}

function isAttachedTo({ attachedTo, attached, interactive }: ContainerConfig, stream: string): boolean {
  return attachedTo ? attachedTo.includes(stream) : attached && (stream !== 'stdin' || interactive)
}

/** Its own, and its image's. */
export function exposedPortsOf(config: Pick<ContainerConfig, 'exposedPorts'>, image: ImageRunConfig): string[] {
  return [...new Set([...config.exposedPorts, ...Object.keys(image.ExposedPorts ?? {})])].sort()
}

export function labelsOf({ labels }: Pick<ContainerConfig, 'labels'>, image: ImageRunConfig): Record<string, string> {
  return { ...image.Labels, ...labels }
}

function environment({ env }: ContainerConfig, { Env }: ImageRunConfig): readonly string[] | null {
  const nameOf = (variable: string) => variable.split('=', 1)[0]
  const given = new Set(env.map(nameOf))
  const all = [...env, ...(Env ?? []).filter((variable) => !given.has(nameOf(variable)))]
  return all.length > 0 ? all : null
}

/** As Docker has it, an empty list is none. */
const wordsOf = (words: readonly string[] | null | undefined) => (words && words.length > 0 ? words : null)
