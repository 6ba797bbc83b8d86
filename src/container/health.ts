import { readFileSync } from 'node:fs'
import { type HealthRecord, parseHealthRecord } from '../launch/health-record.js'
import type { HealthCheck } from '../spec/health.js'
import { healthSchedule } from '../spec/health.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import { type ContainerHealth, rfc3339, type Settled } from './inspect-state.js'
import { runDirectory } from './run-directory.js'

const kept = 5

/** What the supervisor has on record of the checks of a run; undefined: there are none. */
export function readHealth(runRoot: string, id: string): HealthRecord | undefined {
  try {
    return parseHealthRecord(readFileSync(`${runDirectory(runRoot, id)}/health`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What is told of a container's health; undefined when nothing checks it, or it has not run yet. */
export function containerHealth(
  runRoot: string,
  { id, config, outcome }: Pick<ContainerRecord, 'id' | 'config' | 'outcome'>,
  observed: Settled,
  image: ImageRunConfig,
): ContainerHealth | undefined {
  if (!healthSchedule(config, image)) return undefined
  const isAlive = observed.status === 'running' || observed.status === 'restarting'
  if (!isAlive) return outcome?.health && healthOf('unhealthy', outcome.health.streak, outcome.health.checks)
  const now = readHealth(runRoot, id) ?? { status: 'starting', streak: 0, results: [] }
  const status = observed.status === 'running' ? now.status : 'unhealthy'
  return healthOf(status, now.streak, lastChecks(outcome, now.results))
}

/** An outcome with what the checks of its run, and of those before, told last: Docker keeps it. */
export function withHealth(runRoot: string, record: ContainerRecord, outcome: Outcome): Outcome {
  const now = record.config.rm ? undefined : readHealth(runRoot, record.id)
  if (!now) return outcome
  return { ...outcome, health: { streak: now.streak, checks: lastChecks(record.outcome, now.results) } }
}

function lastChecks(before: Outcome | undefined, results: readonly HealthCheck[]): readonly HealthCheck[] {
  return [...(before?.health?.checks ?? []), ...results].slice(-kept)
}

function healthOf(status: ContainerHealth['Status'], streak: number, checks: readonly HealthCheck[]): ContainerHealth {
  return {
    Status: status,
    FailingStreak: streak,
    Log: checks.map(({ startNs, endNs, exitCode, output }) => ({
      Start: rfc3339(startNs),
      End: rfc3339(endNs),
      ExitCode: exitCode,
      Output: output,
    })),
  }
}
