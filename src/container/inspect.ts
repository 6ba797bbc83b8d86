import type { VolumePoint } from '../spec/mount-point.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { Spec } from '../spec/types.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import { inspectHostConfig } from './inspect-host-config.js'
import { type InspectMount, inspectMounts, inspectVolumes } from './inspect-mounts.js'
import { type InspectNetworkSettings, inspectNetworkSettings } from './inspect-network.js'
import type { ContainerNetworking } from './networking.js'
import type { Observed } from './observe.js'

export type { InspectMount } from './inspect-mounts.js'

/** What inspect needs of the image and the spec made from it. */
export interface InspectImage {
  readonly config: ImageRunConfig
  readonly spec: Spec
  readonly driver: string
}

/** `docker inspect` of a container: Docker's field names and forms. */
export interface ContainerInspect {
  readonly Id: string
  /** RFC 3339. */
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerState
  readonly Image: string
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  readonly LogPath: string
  /** With a leading slash. */
  readonly Name: string
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: 'linux'
  readonly HostConfig: Readonly<Record<string, unknown>>
  readonly Mounts: readonly InspectMount[]
  readonly Config: InspectConfig
  readonly NetworkSettings: InspectNetworkSettings
}

export interface ContainerState {
  readonly Status: 'created' | 'running' | 'exited' | 'removing'
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  /** As the host sees it; 0 when it does not run. */
  readonly Pid: number
  readonly ExitCode: number
  readonly Error: string
  readonly StartedAt: string
  readonly FinishedAt: string
}

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
  readonly Env: readonly string[]
  readonly Cmd: readonly string[] | null
  readonly Image: string
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[] | null
  /** The one that was asked for. */
  readonly MacAddress?: string
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly StopTimeout?: number
}

const never = '0001-01-01T00:00:00Z'

/** Nanoseconds since the epoch as Docker prints them: RFC 3339 without trailing zeros. */
export function rfc3339(ns: string | undefined): string {
  if (!ns || ns === '0') return never
  const value = BigInt(ns)
  const whole = new Date(Number(value / 1_000_000n)).toISOString().slice(0, 19)
  const fraction = String(value % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${whole}${fraction ? `.${fraction}` : ''}Z`
}

/** Where a container's things are. */
export interface InspectPlaces {
  readonly root: string
  readonly runRoot: string
  readonly networking: ContainerNetworking
  /** The directory of a volume's files. */
  mountpointOf(point: VolumePoint): string
}

export function inspectContainer(
  record: ContainerRecord,
  observed: Exclude<Observed, { status: 'ended' }>,
  image: InspectImage,
  { root, runRoot, networking, mountpointOf }: InspectPlaces,
): ContainerInspect {
  const { config, id } = record
  const state = inspectState(record.outcome, observed)
  const exposedPorts = exposedPortsOf(record, image)
  const [path = '', ...args] = image.spec.process.args
  return {
    Id: id,
    Created: new Date(record.createdAtMs).toISOString(),
    Path: path,
    Args: args,
    State: state,
    Image: record.image,
    ResolvConfPath: `${runRoot}/${id}/resolv.conf`,
    HostnamePath: `${runRoot}/${id}/hostname`,
    HostsPath: `${runRoot}/${id}/hosts`,
    LogPath: `${root}/containers/${id}/${id}-json.log`,
    Name: `/${record.name}`,
    RestartCount: 0,
    Driver: image.driver,
    Platform: 'linux',
    HostConfig: inspectHostConfig(config, record.name, networking),
    Mounts: inspectMounts(record.mounts, mountpointOf),
    Config: inspectConfig(record, image),
    NetworkSettings: inspectNetworkSettings(
      { id, name: record.name, hostname: config.hostname, pid: state.Pid, exposedPorts },
      networking,
    ),
  }
}

/** Its own, and its image's. */
export function exposedPortsOf({ config }: ContainerRecord, { config: image }: InspectImage): string[] {
  return [...new Set([...config.exposedPorts, ...Object.keys(image.ExposedPorts ?? {})])].sort()
}

function inspectState(outcome: Outcome | undefined, observed: Exclude<Observed, { status: 'ended' }>): ContainerState {
  const running = observed.status === 'running'
  return {
    Status: observed.status === 'starting' ? 'created' : observed.status,
    Running: running,
    Paused: false,
    Restarting: false,
    OOMKilled: !running && (outcome?.oomKilled ?? false),
    Dead: false,
    Pid: running ? observed.pid : 0,
    ExitCode: running ? 0 : (outcome?.exitCode ?? 0),
    Error: running ? '' : (outcome?.error ?? ''),
    StartedAt: rfc3339(running ? observed.startedAtNs : outcome?.startedAtNs),
    FinishedAt: rfc3339(outcome?.finishedAtNs),
  }
}

function inspectConfig(record: ContainerRecord, inspected: InspectImage): InspectConfig {
  const { id, config, reference } = record
  const { config: image, spec } = inspected
  const exposedPorts = exposedPortsOf(record, inspected)
  return {
    Hostname: config.hostname || spec.hostname || id.slice(0, 12),
    Domainname: config.domainname,
    User: config.user || image.User || '',
    AttachStdin: config.interactive,
    AttachStdout: true,
    AttachStderr: true,
    ...(exposedPorts.length > 0 && { ExposedPorts: Object.fromEntries(exposedPorts.map((name) => [name, {}])) }),
    Tty: config.tty,
    OpenStdin: config.interactive,
    StdinOnce: config.interactive,
    Env: spec.process.env.filter((variable) => !variable.startsWith('HOSTNAME=') && !variable.startsWith('HOME=')),
    Cmd: config.command.length > 0 ? config.command : config.entrypoint ? null : (image.Cmd ?? null),
    Image: reference,
    Volumes: inspectVolumes(config.mounts, image),
    WorkingDir: config.workdir || image.WorkingDir || '',
    Entrypoint: config.entrypoint ?? image.Entrypoint ?? null,
    ...(config.macAddress !== undefined && { MacAddress: config.macAddress }),
    Labels: { ...image.Labels, ...config.labels },
    ...((config.stopSignal ?? image.StopSignal) ? { StopSignal: config.stopSignal ?? image.StopSignal } : {}),
    ...(config.stopTimeout === undefined ? {} : { StopTimeout: config.stopTimeout }),
  } as InspectConfig
}
