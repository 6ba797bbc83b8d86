import { containerEvent, type EventContainer } from './container-event.js'
import { lineHead, lineHeads } from './line.js'
import type { EventDraft } from './types.js'

/** Moments at which a supervisor tells the journal something. */
export type Moment =
  | 'started'
  | 'died'
  | 'oom'
  | 'paused'
  | 'unpaused'
  | 'probeCreated'
  | 'probeStarted'
  | 'probeDied'
  | 'health'

/** A line for a moment, but for its time. Byte 1 stands for the value that the supervisor has then. */
export interface PlanEvent {
  readonly moment: Moment
  readonly text: string
}

/** What is told with the start and the end of a container's program, beside these. */
export interface RunParts {
  /** In the order of their connection. */
  readonly networks: readonly EventNetwork[]
  readonly volumes: readonly EventMount[]
}

export interface EventNetwork {
  readonly id: string
  readonly name: string
  /** Docker's: `bridge`, `host`, `null`. */
  readonly driver: string
}

/** A volume in a container. */
export interface EventMount {
  readonly name: string
  readonly driver: string
  readonly destination: string
  readonly readOnly: boolean
  readonly propagation: string
}

const value = '\u0001'

/** @param probe the words of its health check */
export function planEvents(
  container: EventContainer,
  imageLabels: Readonly<Record<string, string>>,
  parts: RunParts,
  probe: string | undefined,
): PlanEvent[] {
  const head = lineHeads(containerEvent(container, imageLabels, ''))
  const line = (moment: Moment, action: string) => ({ moment, text: head(action) })
  const part = (moment: Moment, event: EventDraft) => ({ moment, text: lineHead(event) })
  const withValue = (moment: Moment, action: string, attribute: string) => ({
    moment,
    text: head(action, { attributes: { [attribute]: value } }),
  })
  return [
    ...startParts(container.id, parts).map((event) => part('started', event)),
    line('started', 'start'),
    withValue('died', 'die', 'exitCode'),
    ...endParts(container.id, parts).map((event) => part('died', event)),
    line('oom', 'oom'),
    line('paused', 'pause'),
    line('unpaused', 'unpause'),
    ...(probe === undefined
      ? []
      : [
          withValue('probeCreated', `exec_create: ${probe}`, 'execID'),
          withValue('probeStarted', `exec_start: ${probe}`, 'execID'),
          withValue('probeDied', 'exec_die', 'execID'),
          { moment: 'health' as const, text: head('', { action: `health_status: ${value}` }) },
        ]),
  ]
}

/** What Docker tells before a program starts. */
export function startParts(container: string, { networks, volumes }: RunParts): EventDraft[] {
  return [
    ...networks.map((network) => networkEvent(network, 'connect', { container })),
    ...volumes.map(({ name, driver, destination, readOnly, propagation }) =>
      volumeEvent({ name, driver }, 'mount', {
        container,
        destination,
        propagation,
        'read/write': String(!readOnly),
      }),
    ),
  ]
}

/** What it tells when the program has ended. */
export function endParts(container: string, { networks, volumes }: RunParts): EventDraft[] {
  return [
    ...networks.map((network) => networkEvent(network, 'disconnect', { container })),
    ...volumes.map((volume) => volumeEvent(volume, 'unmount', { container })),
  ]
}

export function networkEvent(
  { id, name, driver }: EventNetwork,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): EventDraft {
  return { type: 'network', action, id, attributes: { ...extra, name, type: driver } }
}

export function volumeEvent(
  { name, driver }: Pick<EventMount, 'name' | 'driver'>,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): EventDraft {
  return { type: 'volume', action, id: name, attributes: { ...extra, driver } }
}
