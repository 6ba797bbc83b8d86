import type {
  ConfiguredBind,
  ConfiguredMount,
  ConfiguredTmpfs,
  ContainerConfig,
  EnvInput,
  RunOptions,
} from './options.js'
import { compact } from './records.js'
import { reuseLabels } from './reuse-hash.js'

/**
 * The options that a configuration was made of, for one more container like it: `normalizeOptions` makes the same of them. What
 * belongs to one container only is left out: its names, its networks, its volumes and its end (`rm`, `restart` stay).
 */
export function optionsOf(config: ContainerConfig): RunOptions {
  return compact({
    ...processOf(config),
    ...filesOf(config),
    ...securityOf(config),
    ...limitsOf(config),
    ...namesOf(config),
    ...lifeOf(config),
  })
}

function processOf(config: ContainerConfig) {
  const { entrypoint, env, user, workdir, tty, interactive, init, groupAdd, attachedTo, stdinOnce } = config
  return {
    entrypoint: entrypoint?.length === 0 ? '' : entrypoint,
    env: envOf(env),
    user,
    workdir,
    tty,
    interactive,
    init,
    groupAdd,
    attach: attachedTo as RunOptions['attach'],
    stdinOnce,
  }
}

/** A list cannot say that the image's is taken away. */
function envOf(env: readonly string[]): EnvInput {
  if (env.every((variable) => variable.includes('='))) return env
  return Object.fromEntries(
    env.map((variable) => {
      const at = variable.indexOf('=')
      return at < 0 ? [variable, null] : [variable.slice(0, at), variable.slice(at + 1)]
    }),
  )
}

function filesOf({ readOnly, mounts, volumeDriver, shmSize, devices, deviceCgroupRules }: ContainerConfig) {
  const of = <Type extends ConfiguredMount['type'], Syntax extends ConfiguredMount['syntax']>(
    type: Type,
    syntax: Syntax,
  ) =>
    mounts.filter(
      (mount): mount is Extract<ConfiguredMount, { type: Type }> => mount.type === type && mount.syntax === syntax,
    )
  return {
    readOnly,
    volume: of('bind', 'volume').map(({ source, target, mode }) => [source, target, ...(mode ? [mode] : [])].join(':')),
    mount: [
      ...of('bind', 'mount').map(bindInput),
      ...of('image', 'mount').map(({ source, target, subpath }) => ({
        type: 'image' as const,
        source,
        target,
        ...(subpath !== '' && { imageOptions: { subpath } }),
      })),
      ...of('tmpfs', 'mount').map(tmpfsInput),
    ],
    tmpfs: of('tmpfs', 'tmpfs').map(({ target, given }) => (given === '' ? target : { target, options: given })),
    volumeDriver,
    shmSize,
    device: devices,
    deviceCgroupRule: deviceCgroupRules,
  }
}

function bindInput({ source, target, readOnly, propagation, recursive, createSource }: ConfiguredBind) {
  return { type: 'bind' as const, source, target, readOnly, propagation, recursive, createSource }
}

function tmpfsInput({ target, readOnly, given }: ConfiguredTmpfs) {
  const value = (name: string) =>
    given.split(',').flatMap((option) => (option.startsWith(`${name}=`) ? [option.slice(name.length + 1)] : []))[0]
  const size = value('size')
  const mode = value('mode')
  return {
    type: 'tmpfs' as const,
    target,
    readOnly,
    tmpfsOptions: compact({ size, mode: mode === undefined ? undefined : Number.parseInt(mode, 8) }),
  }
}

function securityOf({ capAdd, capDrop, privileged, security }: ContainerConfig) {
  const { noNewPrivileges, seccomp, systemPathsUnconfined, maskedPaths, readonlyPaths } = security
  return {
    capAdd,
    capDrop,
    privileged,
    securityOpt: [
      ...(noNewPrivileges ? ['no-new-privileges'] : []),
      ...(systemPathsUnconfined ? ['systempaths=unconfined'] : []),
      ...(seccomp === 'unconfined' ? ['seccomp=unconfined'] : seccomp === undefined ? [] : [{ seccomp }]),
    ],
    maskedPaths,
    readonlyPaths,
  }
}

function limitsOf({ resources, ulimits, cgroupParent, oomScoreAdj }: ContainerConfig) {
  const { nanoCpus, cpuPeriod, cpuQuota, ...others } = resources
  return {
    ...others,
    ...(nanoCpus === undefined ? { cpuPeriod, cpuQuota } : { cpus: nanoCpus / 1e9 }),
    ulimit: ulimits,
    cgroupParent,
    oomScoreAdj,
  }
}

/** A key names its container, and no clone of that. */
const ofKey: ReadonlySet<string> = new Set(Object.values(reuseLabels))

/** Host ports are somebody's: clones get free ones. */
function namesOf(config: ContainerConfig) {
  const { domainname, extraHosts, dns, dnsSearch, dnsOptions, sysctls, labels, ports, publishAll, exposedPorts } =
    config
  return {
    domainname,
    addHost: extraHosts,
    dns,
    dnsSearch,
    dnsOption: dnsOptions,
    sysctl: Object.entries(sysctls).map(([name, value]) => `${name}=${value}`),
    label: Object.entries(labels)
      .filter(([name]) => !ofKey.has(name))
      .map(([name, value]) => `${name}=${value}`),
    publish: ports.map(({ port, protocol, hostAddress }) => ({
      port,
      protocol,
      ...(hostAddress !== '' && { hostAddress }),
    })),
    publishAll,
    expose: exposedPorts,
    pid: config.pidMode,
    ipc: config.ipcMode,
    uts: config.utsMode,
    cgroupns: config.cgroupnsMode,
  }
}

function lifeOf(config: ContainerConfig) {
  const { rm, ephemeral, restartPolicy, log, stopSignal, stopTimeout, platform, healthcheck } = config
  return {
    rm,
    ephemeral,
    restart: restartPolicy,
    logDriver: log.driver,
    logOpt: Object.entries(log.options).map(([name, value]) => `${name}=${value}`),
    stopSignal,
    stopTimeout,
    platform,
    ...(healthcheck && {
      healthcheck: {
        test: healthcheck.test,
        interval: healthcheck.intervalMs,
        timeout: healthcheck.timeoutMs,
        startPeriod: healthcheck.startPeriodMs,
        startInterval: healthcheck.startIntervalMs,
        retries: healthcheck.retries,
      },
    }),
  }
}
