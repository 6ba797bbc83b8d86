import { parseCapabilities } from './capabilities.js'
import { parseCgroupParent } from './cgroup-parent.js'
import { parseDeviceRules, parseDevices } from './devices.js'
import { type ProcessEnvironment, parseEnv, parseEnvFiles } from './environment.js'
import { parseHealthcheck } from './health.js'
import { checkFlag, checkInteger, checkText, checkTexts, invalidOption } from './invalid.js'
import { parseLabels } from './labels.js'
import { type LogDrivers, parseLog } from './log.js'
import { cleanPath } from './mount-target.js'
import { parseMounts } from './mounts.js'
import { parseDns, parseDnsOptions, parseDnsSearch, parseExtraHosts } from './name-service.js'
import { checkContainerName, checkHostName } from './names.js'
import { parseIpcMode, parsePidMode } from './namespace-modes.js'
import { parseNetworking } from './networking.js'
import type { ContainerConfig, RunOptions } from './options.js'
import { parsePlatform } from './platform.js'
import { compact, deepFreeze } from './records.js'
import { type HostLimits, parseResources } from './resources.js'
import { checkRestartAndRemoval, parseRestart } from './restart.js'
import { parseReuse } from './reuse.js'
import { parseSecurity } from './security.js'
import { checkSignal } from './signals.js'
import { parseSize } from './size.js'
import { parseSysctls } from './sysctls.js'
import { parseUlimits } from './ulimits.js'
import { checkVolumesFrom } from './volumes-from.js'

/** What options refer to and the engine has looked up. */
export interface NormalizeContext {
  /** Contents of the env files, by the path that was given. */
  readonly envFiles: ReadonlyMap<string, string>
  readonly processEnv: ProcessEnvironment
  readonly host: HostLimits
  /** Its creator is attached to its streams; default true, as for `docker create`. */
  readonly attached?: boolean
  /** Drivers of logs that the engine was given; none by default. */
  readonly logDrivers?: LogDrivers
}

const defaultShmSize = 64 * 1024 * 1024

/**
 * Checks options as `docker run` would and fills every default. The result is frozen plain data.
 *
 * @param command arguments after the image; undefined or empty: the image's
 * @throws {InvalidOptionError} INVALID_OPTION with `details.option`, INVALID_NAME for the container's name
 * @example
 * ```ts
 * const context = { envFiles: new Map(), processEnv: process.env, host: { cpus: 2 } }
 * normalizeOptions('debian', ['id'], { user: '1000', memory: '64m' }, context).resources.memory // 67108864
 * ```
 */
export function normalizeOptions(
  image: string,
  command: readonly string[] | undefined,
  raw: RunOptions,
  context: NormalizeContext,
): ContainerConfig {
  if (raw.name !== undefined) checkContainerName(raw.name)
  return deepFreeze({
    image: checkText('image', image),
    command: checkTexts('command', command),
    ...parseProcess(raw, context),
    ...parseNames(raw),
    mounts: parseMounts(raw),
    volumesFrom: checkVolumesFrom(raw.volumesFrom),
    volumeDriver: checkText('volumeDriver', raw.volumeDriver ?? ''),
    capAdd: parseCapabilities('capAdd', checkTexts('capAdd', raw.capAdd)),
    capDrop: parseCapabilities('capDrop', checkTexts('capDrop', raw.capDrop)),
    privileged: checkFlag('privileged', raw.privileged),
    readOnly: checkFlag('readOnly', raw.readOnly),
    security: parseSecurity(raw),
    resources: parseResources(raw, context.host),
    ulimits: parseUlimits(raw.ulimit),
    devices: parseDevices(raw.device),
    deviceCgroupRules: parseDeviceRules(raw.deviceCgroupRule),
    cgroupParent: parseCgroupParent(raw.cgroupParent),
    labels: parseLabels(raw.label),
    shmSize: (raw.shmSize === undefined ? 0 : parseSize('shmSize', raw.shmSize)) || defaultShmSize,
    log: parseLog(raw, context.logDrivers ?? {}),
    ...parseLife(raw),
  })
}

function parseProcess(raw: RunOptions, { envFiles, processEnv, attached = true }: NormalizeContext) {
  return {
    ...compact({ entrypoint: parseEntrypoint(raw.entrypoint) }),
    env: [...parseEnvFiles(raw.envFile, envFiles, processEnv), ...parseEnv(raw.env, processEnv)],
    user: checkText('user', raw.user ?? ''),
    workdir: raw.workdir === undefined || raw.workdir === '' ? '' : workingDirectory(raw.workdir),
    tty: checkFlag('tty', raw.tty),
    interactive: checkFlag('interactive', raw.interactive),
    attached,
    ...compact({
      attachedTo: parseAttach(raw),
      stdinOnce: raw.stdinOnce === undefined ? undefined : checkFlag('stdinOnce', raw.stdinOnce),
    }),
    init: checkFlag('init', raw.init),
    groupAdd: checkTexts('groupAdd', raw.groupAdd),
  }
}

const streams: readonly string[] = ['stdin', 'stdout', 'stderr']

function parseAttach({ attach }: RunOptions): readonly string[] | undefined {
  if (attach === undefined) return undefined
  for (const stream of checkTexts('attach', attach))
    if (!streams.includes(stream))
      throw invalidOption(
        'attach',
        `valid streams are STDIN, STDOUT and STDERR: ${stream}`,
        `give some of ${streams.join(', ')}`,
        stream,
      )
  return [...new Set(attach)]
}

function parseEntrypoint(entrypoint: RunOptions['entrypoint']): readonly string[] | undefined {
  if (entrypoint === undefined) return undefined
  const words =
    typeof entrypoint === 'string' ? [checkText('entrypoint', entrypoint)] : checkTexts('entrypoint', entrypoint)
  return words.length === 1 && words[0] === '' ? [] : words
}

/**
 * Checks and cleans a working directory, the user's or the image's.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function workingDirectory(path: string): string {
  if (checkText('workdir', path).startsWith('/')) return cleanPath(path)
  throw invalidOption(
    'workdir',
    `the working directory '${path}' is invalid, it needs to be an absolute path`,
    'begin it with a slash',
    path,
  )
}

/** Namespaces, and the names and parameters that belong to them. */
function parseNames(raw: RunOptions) {
  const networking = parseNetworking(raw)
  const ipcMode = parseIpcMode(raw.ipc)
  const utsMode = parseMode('uts', 'UTS', raw.uts)
  if (utsMode === 'host' && raw.hostname)
    throw invalidOption(
      'hostname',
      'conflicting options: hostname and the UTS mode',
      "leave out hostname or uts 'host'",
      raw.hostname,
    )
  return {
    ...networking,
    ipcMode,
    utsMode,
    pidMode: parsePidMode(raw.pid),
    cgroupnsMode: parseMode('cgroupns', 'CGROUP', raw.cgroupns),
    hostname: checkHostName('hostname', raw.hostname),
    domainname: checkHostName('domainname', raw.domainname),
    extraHosts: parseExtraHosts(raw.addHost),
    dns: parseDns(raw.dns),
    dnsSearch: parseDnsSearch(raw.dnsSearch),
    dnsOptions: parseDnsOptions(raw.dnsOption),
    sysctls: parseSysctls(raw.sysctl, { hostNetwork: networking.network === 'host', hostIpc: ipcMode === 'host' }),
  }
}

function parseMode(option: string, name: string, mode = ''): 'private' | 'host' {
  if (mode === 'host') return 'host'
  if (mode === '' || mode === 'private') return 'private'
  const hint = "this version has 'private' (the default) and 'host'"
  throw invalidOption(option, `--${option}: invalid ${name} mode: ${mode}`, hint, mode)
}

function parseLife(raw: RunOptions) {
  const isEphemeral = checkFlag('ephemeral', raw.ephemeral)
  const rm = checkFlag('rm', raw.rm) || isEphemeral
  const restartPolicy = parseRestart(raw.restart)
  checkRestartAndRemoval(restartPolicy, rm)
  parseReuse(raw)
  return {
    rm,
    restartPolicy,
    ...compact({
      ephemeral: isEphemeral ? (true as const) : undefined,
      platform: raw.platform === undefined ? undefined : parsePlatform(checkText('platform', raw.platform)),
      stopSignal:
        raw.stopSignal === undefined ? undefined : checkSignal('stopSignal', checkText('stopSignal', raw.stopSignal)),
      stopTimeout: checkInteger('stopTimeout', raw.stopTimeout, -1),
      healthcheck: parseHealthcheck(raw),
    }),
    oomScoreAdj: checkOomScore(raw.oomScoreAdj ?? 0),
  }
}

function checkOomScore(score: number): number {
  if (Number.isInteger(score) && score >= -1000 && score <= 1000) return score
  throw invalidOption(
    'oomScoreAdj',
    `Invalid value ${score}, range for oom score adj is [-1000, 1000]`,
    'give a number in it',
    score,
  )
}
