import type { EventMessage } from './line.js'
import type { EventType } from './types.js'

/** What happens to containers: `docker events`' names. */
export type ContainerAction =
  | 'archive-path'
  | 'attach'
  | 'commit'
  | 'copy'
  | 'create'
  | 'destroy'
  | 'detach'
  | 'die'
  | 'exec_detach'
  | 'exec_die'
  | 'export'
  | 'extract-to-dir'
  | 'kill'
  | 'oom'
  | 'pause'
  | 'prune'
  | 'rename'
  | 'resize'
  | 'restart'
  | 'start'
  | 'stop'
  | 'top'
  | 'unpause'
  | 'update'
  | `exec_create: ${string}`
  | `exec_start: ${string}`
  | `health_status: ${string}`

/** What happens to images. */
export type ImageAction = 'delete' | 'import' | 'load' | 'prune' | 'pull' | 'push' | 'save' | 'tag' | 'untag'

/** What happens to networks. */
export type NetworkAction = 'connect' | 'create' | 'destroy' | 'disconnect' | 'prune'

/** What happens to volumes. */
export type VolumeAction = 'create' | 'destroy' | 'mount' | 'prune' | 'unmount'

/** What happens to the build cache. */
export type BuilderAction = 'prune'

/** An event of one type of objects. */
export interface EventOf<Type extends EventType, Action extends string> {
  readonly type: Type
  readonly action: Action
  /** Whom it happened to. */
  readonly actor: {
    /** A container's, image's or network's id, a volume's name. */
    readonly id: string
    /** Of a container: `image`, `name`, its labels, and what the action adds (`exitCode`, `signal`, `execID`, ...). */
    readonly attributes: Readonly<Record<string, string>>
  }
  readonly scope: 'local'
  readonly time: Date
  /** Nanoseconds since the epoch. No two events of a root have the same. */
  readonly timeNano: bigint
  /** Docker's message, for JSON.stringify. */
  toJSON(): EventMessage
}

/** Something that has happened, by Docker's names. @see https://docs.docker.com/reference/cli/docker/system/events/ */
export type EngineEvent =
  | EventOf<'container', ContainerAction>
  | EventOf<'image', ImageAction>
  | EventOf<'network', NetworkAction>
  | EventOf<'volume', VolumeAction>
  | EventOf<'daemon', string>
  | EventOf<'builder', BuilderAction>

/** @param timeNano as a number, the message holds it only nearly */
export function toEvent(message: EventMessage, timeNano: bigint): EngineEvent {
  const { Type, Action, Actor } = message
  return {
    type: Type,
    action: Action,
    actor: { id: Actor.ID, attributes: Actor.Attributes },
    scope: 'local',
    time: new Date(Number(timeNano / 1_000_000n)),
    timeNano,
    toJSON: () => message,
  } as EngineEvent
}

/** `exec_create` of `exec_create: sh -c true`. */
export function actionName(action: string): string {
  const colon = action.indexOf(':')
  return colon < 0 ? action : action.slice(0, colon)
}
