import { ConflictError, type InboardError, InvalidStateError } from '../errors/index.js'
import type { ContainerStatus } from './inspect-state.js'

/** What can be done with a container. */
export type Verb =
  | 'start'
  | 'stop'
  | 'restart'
  | 'kill'
  | 'pause'
  | 'unpause'
  | 'exec'
  | 'attach'
  | 'rename'
  | 'update'
  | 'remove'
  | 'remove force'
  | 'commit'
  | 'export'
  | 'copyFrom'
  | 'copyTo'
  | 'wait'
  | 'top'
  | 'stats'
  | 'logs'
  | 'resize'

/** Nothing is to be done: it is so already. */
const noOp = Symbol('no-op')

/** Docker's words, with ID for the container's id. */
type Refusal = string

type Row = Partial<Record<ContainerStatus, Refusal | typeof noOp>>

const notRunning = 'Container ID is not running'
const waitUntilRunning = 'Container ID is restarting, wait until the container is running'
const unstartable = 'container is marked for removal and cannot be started'
const removalUnderWay = 'removal of container ID is already in progress'

/** The same for every state in which no supervisor has it. */
const inRest = <Answer extends Refusal | typeof noOp>(answer: Answer) => ({
  created: answer,
  exited: answer,
  dead: answer,
  removing: answer,
})

const doomed = (answer: Refusal) => ({ dead: answer, removing: answer })

/**
 * What a verb does to a container in each state: what is not here is allowed. The words, and the places where something else
 * could be thought of, are Docker's (test/conformance/facts/states.json); test/conformance/states.test.ts goes through all cells.
 */
export const transitions: Readonly<Record<Verb, Row>> = {
  start: {
    running: noOp,
    restarting: noOp,
    paused: 'cannot start a paused container, try unpause instead',
    ...doomed(unstartable),
  },
  stop: inRest(noOp),
  restart: doomed(`Cannot restart container ID: ${unstartable}`),
  kill: inRest('Cannot kill container: ID: Container ID is not running'),
  pause: { ...inRest(notRunning), paused: 'Container ID is already paused', restarting: waitUntilRunning },
  unpause: {
    ...inRest('Container ID is not paused'),
    running: 'Container ID is not paused',
    restarting: 'Container ID is not paused',
  },
  exec: {
    ...inRest(notRunning),
    paused: 'Container ID is paused, unpause the container before exec',
    restarting: waitUntilRunning,
  },
  attach: {
    // Docker's daemon attaches to what does not run, and nothing ever comes; its client refuses, in these words.
    ...inRest('You cannot attach to a stopped container, start it first'),
    paused: 'container ID is paused, unpause the container before attach',
    restarting: 'container ID is restarting, wait until the container is running',
  },
  rename: {},
  update: doomed('Cannot update container ID: container is marked for removal and cannot be "update"'),
  remove: {
    running: 'You cannot remove a running container ID. Stop the container before attempting removal or force remove',
    paused:
      'You cannot remove a paused container ID. Unpause and then stop the container before attempting removal or force remove',
    restarting:
      'You cannot remove a restarting container ID. Stop the container before attempting removal or force remove',
    removing: removalUnderWay,
  },
  'remove force': { removing: removalUnderWay },
  commit: doomed('You cannot commit container ID which is Dead'),
  export: doomed('You cannot export container ID which is Dead'),
  copyFrom: {},
  copyTo: {},
  wait: {},
  top: { ...inRest(notRunning), restarting: waitUntilRunning },
  stats: {},
  logs: doomed('can not get logs from container which is dead or marked for removal'),
  resize: { ...inRest(notRunning), restarting: notRunning },
}

/**
 * Whether a verb has something to do.
 *
 * @returns false when it has not
 * @throws what Docker says when it cannot be: {@link refusal}
 */
export function mayDo(verb: Verb, status: ContainerStatus, id: string): boolean {
  const answer = transitions[verb][status]
  if (typeof answer === 'string') throw refusal(verb, status, id)
  return answer !== noOp
}

/** The error for a verb that cannot be: a {ConflictError} CONTAINER_IN_USE of removing, else an {InvalidStateError} INVALID_STATE. */
export function refusal(verb: Verb, from: ContainerStatus, id: string): InboardError {
  const message = String(transitions[verb][from]).replaceAll('ID', id)
  const details = { container: id, from, to: verb }
  return verb === 'remove' || verb === 'remove force'
    ? new ConflictError(message, { code: 'CONTAINER_IN_USE', details })
    : new InvalidStateError(message, { code: 'INVALID_STATE', details })
}

/** Whether a supervisor has it: it runs, is paused, or is about to run again. */
export const isAlive = (status: ContainerStatus): boolean =>
  status === 'running' || status === 'paused' || status === 'restarting'
