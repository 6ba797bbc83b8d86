import type { Outcome } from '../store/containers.js'
import type { Observed } from './observe.js'

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface ContainerState {
  readonly Status: ContainerStatus
  /** Also while it is paused, or waits to be started again. */
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  /** As the host sees it; 0 when it does not run. */
  readonly Pid: number
  readonly ExitCode: number
  /** Why the program could not be started. */
  readonly Error: string
  readonly StartedAt: string
  readonly FinishedAt: string
  /** Of a container with a health check. */
  readonly Health?: ContainerHealth
}

/** What health checks have told of a container. */
export interface ContainerHealth {
  readonly Status: 'starting' | 'healthy' | 'unhealthy'
  /** How many checks have failed in a row. */
  readonly FailingStreak: number
  /** The last five, oldest first. */
  readonly Log: readonly HealthResult[]
}

export interface HealthResult {
  readonly Start: string
  readonly End: string
  /** 0 healthy, 1 unhealthy, -1 it took too long or could not be run. */
  readonly ExitCode: number
  /** The first 4096 bytes of what it has written. */
  readonly Output: string
}

const never = '0001-01-01T00:00:00Z'

/** Nanoseconds since the epoch as Docker prints them: RFC 3339 without trailing zeros. */
export function rfc3339(ns: string | undefined): string {
  if (!ns || ns === '0') return never
  const digits = ns.padStart(10, '0')
  const whole = new Date(Number(digits.slice(0, -9)) * 1000).toISOString().slice(0, 19)
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${whole}${fraction ? `.${fraction}` : ''}Z`
}

/** A container whose end, if it has ended, is known. */
export type Settled = Exclude<Observed, { status: 'ended' }>

/** Where a container is in its life. Times are nanoseconds since the epoch; undefined or `'0'`: never. */
export interface Life {
  readonly status: ContainerStatus
  readonly oomKilled: boolean
  /** 0: it does not run. */
  readonly pid: number
  readonly exitCode: number
  readonly error: string
  readonly startedAtNs: string | undefined
  readonly finishedAtNs: string | undefined
}

/** @param outcome of its last run, by the store */
export function lifeOf(outcome: Outcome | undefined, observed: Settled): Life {
  const status = statusOf(observed)
  if (observed.status !== 'running')
    return { status, ...endOf(observed.status === 'restarting' ? observed.outcome : outcome) }
  const { pid, startedAtNs, finishedAtNs } = observed
  return {
    status,
    oomKilled: false,
    pid,
    exitCode: 0,
    error: '',
    startedAtNs,
    finishedAtNs: finishedAtNs === '0' ? outcome?.finishedAtNs : finishedAtNs,
  }
}

/** `State` of `docker inspect`. */
export function inspectState(life: Life, health?: ContainerHealth): ContainerState {
  const { status } = life
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: life.oomKilled,
    Dead: status === 'dead',
    Pid: life.pid,
    ExitCode: life.exitCode,
    Error: life.error,
    StartedAt: rfc3339(life.startedAtNs),
    FinishedAt: rfc3339(life.finishedAtNs),
    ...(health && { Health: health }),
  }
}

/** How often its supervisor has started it again in its present or last run. */
export function restartCount(outcome: Outcome | undefined, observed: Settled): number {
  const isAlive = observed.status === 'running' || observed.status === 'restarting'
  return (isAlive ? observed.restarts : outcome?.restarts) ?? 0
}

export function statusOf(observed: Settled): ContainerStatus {
  if (observed.status === 'starting') return 'created'
  return observed.status === 'running' && observed.paused ? 'paused' : observed.status
}

function endOf(outcome: Outcome | undefined): Omit<Life, 'status'> {
  return {
    oomKilled: outcome?.oomKilled ?? false,
    pid: 0,
    exitCode: outcome?.exitCode ?? 0,
    error: outcome?.error ?? '',
    startedAtNs: outcome?.startedAtNs,
    finishedAtNs: outcome?.finishedAtNs,
  }
}
