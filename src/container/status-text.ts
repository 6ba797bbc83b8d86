import type { ContainerHealth, Life } from './inspect-state.js'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/**
 * What `docker ps` shows as STATUS: `Up 5 minutes (healthy)`, `Exited (0) 3 seconds ago`.
 *
 * @param nowMs the present, since the epoch
 */
export function statusText(life: Life, health: ContainerHealth['Status'] | undefined, nowMs: number): string {
  const since = (ns = '0') => humanDuration(nowMs - Number(ns) / 1e6)
  switch (life.status) {
    case 'running':
      return `Up ${since(life.startedAtNs)}${health ? ` (${healthText(health)})` : ''}`
    case 'paused':
      return `Up ${since(life.startedAtNs)} (Paused)`
    case 'restarting':
      return `Restarting (${life.exitCode}) ${since(life.finishedAtNs)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return `Exited (${life.exitCode}) ${since(life.finishedAtNs)} ago`
  }
}

const healthText = (status: string) => (status === 'starting' ? 'health: starting' : status)

/** A span of time in Docker's words: one unit, rounded as Docker does. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / secondMs)
  if (seconds < 1) return 'Less than a second'
  if (seconds < 60) return counted(seconds, 'second')
  const minutes = Math.trunc(ms / minuteMs)
  if (minutes < 60) return minutes === 1 ? 'About a minute' : counted(minutes, 'minute')
  const hours = Math.trunc(ms / hourMs + 0.5)
  if (hours < 48) return hours === 1 ? 'About an hour' : counted(hours, 'hour')
  const days = Math.trunc(hours / 24)
  if (hours < 24 * 7 * 2) return counted(days, 'day')
  if (hours < 24 * 30 * 2) return counted(Math.trunc(days / 7), 'week')
  if (hours < 24 * 365 * 2) return counted(Math.trunc(days / 30), 'month')
  return counted(Math.trunc(ms / hourMs / 24 / 365), 'year')
}

const counted = (count: number, unit: string) => `${count} ${unit}${count === 1 ? '' : 's'}`
