import { renameSync, writeFileSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { runDirectory } from '../container/run-directory.js'
import {
  type EventMount,
  type EventNetwork,
  endParts,
  networkEvent,
  type PlanEvent,
  planEvents,
  type RunParts,
  startParts,
} from '../events/plan-events.js'
import { compileTexts, type JournalPlan } from '../launch/journal-plan.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworkRecord } from '../store/networks.js'
import type { Stages } from './assemble.js'
import { connectionsOf } from './networking.js'
import { probeWords } from './probe.js'

type EventStages = Pick<Stages, 'images' | 'networking'>

/** What the supervisor of a container that is on these networks tells the journal of events. */
export function journalPlan(
  stages: EventStages & Pick<Stages, 'journal'>,
  record: ContainerRecord,
  networks: readonly NetworkRecord[],
): JournalPlan {
  const { path, lock, limits } = stages.journal
  return { path, lock, ...limits, texts: textsOf(stages, record, networks) }
}

/**
 * Has the supervisor of a running container tell what is true now: it has got another name, or other networks. One that
 * ends meanwhile tells what was true before, or now.
 */
export function renewTexts(
  stages: EventStages,
  context: Pick<ContainerContext, 'runRoot'>,
  record: ContainerRecord,
): void {
  const path = `${runDirectory(context.runRoot, record.id)}/events`
  try {
    writeFileSync(`${path}.new`, compileTexts(textsOf(stages, record)), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch (error) {
    // It does not run, or no more.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function textsOf(stages: EventStages, record: ContainerRecord, networks = networksOf(stages, record)): PlanEvent[] {
  const image = stages.images.labelsOf(record.image)
  return planEvents(record, image, runParts(stages, record, networks), probeWords(stages, record))
}

const networksOf = ({ networking }: EventStages, { id }: ContainerRecord): readonly NetworkRecord[] =>
  connectionsOf(networking, id).map(({ network }) => network)

/** What of a container's networks and volumes Docker tells with the start and the end of its program. */
function runParts(stages: EventStages, record: ContainerRecord, networks = networksOf(stages, record)): RunParts {
  const volumes = record.mounts.flatMap((point): EventMount[] => {
    if (point.type !== 'volume') return []
    const { volume: name, driver, destination, readOnly } = point
    return [{ name, driver, destination, readOnly, propagation: '' }]
  })
  return { networks: networks.map(eventNetwork), volumes }
}

function eventNetwork({ id, name, definition: { driver } }: NetworkRecord): EventNetwork {
  return { id, name, driver }
}

/** In the transaction that records the end of a run which its supervisor did not see through: what that could not tell. */
export function tellLoss(
  stages: EventStages,
  context: ContainerContext,
  record: ContainerRecord,
  exitCode: number,
): void {
  if (!context.isToldRunning(record.id)) return
  context.tell(record, 'die', { exitCode: String(exitCode) })
  for (const event of endParts(record.id, runParts(stages, record))) context.events.record(event)
}

/** In the transaction that records that a program could not be started: Docker tells what was undone, not the failure. */
export function tellFailure(
  stages: EventStages,
  context: ContainerContext,
  record: ContainerRecord,
  exitCode: number,
): void {
  const parts = runParts(stages, record)
  if (context.isToldRunning(record.id)) tellLoss(stages, context, record, exitCode)
  else
    for (const event of [...startParts(record.id, parts), ...endParts(record.id, parts)]) context.events.record(event)
}

/** A container's coming to a network, and leaving it, but for those that go with its start and its end. */
export function tellPlace(
  context: Pick<ContainerContext, 'events'>,
  network: NetworkRecord,
  action: 'connect' | 'disconnect',
  container: string,
): void {
  context.events.record(networkEvent(eventNetwork(network), action, { container }))
}
