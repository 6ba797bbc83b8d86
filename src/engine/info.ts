import { readdirSync } from 'node:fs'
import { release } from 'node:os'
import { native, packageVersion, readTextFile } from '../host/index.js'
import { formatSubnet } from '../network/subnet.js'
import type { Stages } from './assemble.js'
import type { ContainerSummary } from './containers.js'
import { type Controllers, controllersOf } from './info-controllers.js'
import { type RegistryConfig, registryConfig } from './info-registries.js'
import type { NormalizedEngineOptions } from './options.js'

/** `docker info`: Docker's fields, about a root and its host. */
export interface EngineInfo extends Controllers {
  /** The root's: eight hex digits, which its cgroups, bridges and tables are named after. */
  readonly ID: string
  readonly Containers: number
  readonly ContainersRunning: number
  readonly ContainersPaused: number
  readonly ContainersStopped: number
  /** With intermediate ones. */
  readonly Images: number
  readonly Driver: 'overlay' | 'vfs'
  readonly DriverStatus: readonly (readonly [name: string, value: string])[]
  readonly Plugins: {
    readonly Volume: readonly string[]
    readonly Network: readonly string[]
    readonly Authorization: null
    readonly Log: readonly string[]
  }
  readonly IPv4Forwarding: boolean
  readonly Debug: false
  /** Open descriptors of this process. */
  readonly NFd: number
  /** RFC 3339. */
  readonly SystemTime: string
  readonly LoggingDriver: 'json-file'
  readonly KernelVersion: string
  readonly OperatingSystem: string
  readonly OSVersion: string
  readonly OSType: 'linux'
  /** The kernel's name: x86_64, aarch64. */
  readonly Architecture: string
  readonly IndexServerAddress: string
  readonly RegistryConfig: RegistryConfig
  readonly NCPU: number
  /** Bytes. */
  readonly MemTotal: number
  readonly GenericResources: null
  readonly DockerRootDir: string
  /** Without credentials. */
  readonly HttpProxy: string
  readonly HttpsProxy: string
  readonly NoProxy: string
  readonly Name: string
  readonly Labels: readonly string[]
  readonly ExperimentalBuild: false
  readonly ServerVersion: string
  readonly Runtimes: Readonly<Record<string, { readonly path: string }>>
  readonly DefaultRuntime: string
  /** Containers go on when this process ends. */
  readonly LiveRestoreEnabled: true
  readonly Isolation: ''
  readonly InitBinary: string
  readonly SecurityOptions: readonly string[]
  readonly DefaultAddressPools: readonly { readonly Base: string; readonly Size: number }[]
  /** What limits cannot be set on this host. */
  readonly Warnings: readonly string[]
}

/** What the engine knows of itself. */
export interface InfoSources {
  readonly stages: Pick<Stages, 'paths' | 'images' | 'snapshots' | 'cgroups' | 'host' | 'networking' | 'volumes'>
  readonly options: NormalizedEngineOptions
}

export async function engineInfo(
  { stages, options }: InfoSources,
  containers: readonly ContainerSummary[],
): Promise<EngineInfo> {
  const { paths, images, snapshots, host, networking, volumes } = stages
  const { controllers, warnings } = controllersOf(stages.cgroups.layout())
  const forwards = readTextFile('/proc/sys/net/ipv4/ip_forward')?.trim() === '1'
  const count = (...states: readonly string[]) => containers.filter(({ state }) => states.includes(state)).length
  return {
    ID: paths.rootId,
    Containers: containers.length,
    ContainersRunning: count('running', 'restarting'),
    ContainersPaused: count('paused'),
    ContainersStopped: count('created', 'exited', 'dead', 'removing'),
    Images: images.list({ all: true }).length,
    Driver: snapshots.name,
    DriverStatus: [['Backing Filesystem', filesystemOf(paths.root)]],
    Plugins: {
      Volume: [...new Set(['local', ...(await volumes.knownDrivers())])].sort(),
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
      Authorization: null,
      Log: ['json-file', 'local', 'none', ...Object.keys(options.logDrivers)].sort(),
    },
    ...controllers,
    IPv4Forwarding: forwards,
    Debug: false,
    NFd: readdirSync('/proc/self/fd').length,
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    KernelVersion: release(),
    ...operatingSystem(),
    OSType: 'linux',
    Architecture: host.arch,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(options.registries),
    NCPU: host.cpus,
    MemTotal: memoryBytes(),
    GenericResources: null,
    DockerRootDir: paths.root,
    ...proxies(process.env),
    Name: host.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: packageVersion(),
    Runtimes: { inboard: { path: 'inboard-supervisor' } },
    DefaultRuntime: 'inboard',
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'inboard-init',
    SecurityOptions: ['name=seccomp,profile=builtin', ...(host.cgroupNamespaces ? ['name=cgroupns'] : [])],
    DefaultAddressPools: networking.stages.pools.map(({ base, size }) => ({ Base: formatSubnet(base), Size: size })),
    Warnings: [...warnings, ...(forwards ? [] : ['WARNING: IPv4 forwarding is disabled'])],
  }
}

function memoryBytes(): number {
  return Number(/^MemTotal:\s+(\d+)/m.exec(readTextFile('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024
}

/** @see os-release(5) */
function operatingSystem() {
  const text = readTextFile('/etc/os-release') ?? readTextFile('/usr/lib/os-release') ?? ''
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1]
  return { OperatingSystem: value('PRETTY_NAME') ?? 'Linux', OSVersion: value('VERSION_ID') ?? '' }
}

/** @see statfs(2) */
const filesystems: ReadonlyMap<number, string> = new Map([
  [0xef53, 'extfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
])

function filesystemOf(path: string): string {
  return filesystems.get(native().statfs(path).type) ?? '<unknown>'
}

/** What the environment says; whoever reads it need not know the passwords. */
function proxies(env: NodeJS.ProcessEnv) {
  const of = (name: string) => env[name] ?? env[name.toLowerCase()] ?? ''
  const hidden = (url: string) => url.replace(/\/\/[^/@]*@/, '//xxxxx:xxxxx@')
  return { HttpProxy: hidden(of('HTTP_PROXY')), HttpsProxy: hidden(of('HTTPS_PROXY')), NoProxy: of('NO_PROXY') }
}
