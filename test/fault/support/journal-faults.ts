import { existsSync, readFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { type EventMessage, parseLine, positionOf } from '../../../src/events/line.js'
import type { Roots } from './scenario.js'

type Root = Pick<Roots, 'root'>

/** Lines of the journal, oldest first. */
function lines({ root }: Root): string[] {
  return ['.3', '.2', '.1', '']
    .map((suffix) => `${root}/events.jsonl${suffix}`)
    .filter(existsSync)
    .flatMap((path) => readFileSync(path, 'latin1').split('\n').slice(0, -1))
}

const messages = (root: Root) => lines(root).flatMap((line) => parseLine(line) ?? [])

/** How often an action was told of containers of a name: `NAME/ACTION`. */
export function timesTold(root: Root, what: string): number {
  const [name, ...action] = what.split('/')
  const isIt = ({ Type, Action, Actor }: EventMessage) =>
    Type === 'container' && Action === action.join('/') && Actor.Attributes.name === name
  return messages(root).filter(isIt).length
}

/** What cannot have happened, or not in this order; and what {@link journalGaps} finds. */
export function journalFaults(root: Root): string[] {
  const told = messages(root).filter(({ Type }) => Type === 'container')
  const ids = new Set(told.map(({ Actor }) => Actor.ID))
  const lives = [...ids].map((id) => told.filter(({ Actor }) => Actor.ID === id))
  return [...journalGaps(root), ...lives.flatMap(impossible)]
}

/** Lines that are none or not in order, and what waits to be told although somebody has opened the root since. */
export function journalGaps(root: Root): string[] {
  return [...misplaced(root), ...untold(root)]
}

function misplaced(root: Root): string[] {
  const positions = lines(root).map((line) => positionOf(line))
  return positions.flatMap((now, at) => {
    const before = positions[at - 1]
    if (!now) return [`line ${at} of the journal is none`]
    const isLater = !before || (now.timeNs > before.timeNs && now.outbox >= before.outbox)
    return isLater ? [] : [`line ${at} of the journal comes too late`]
  })
}

function untold(root: Root): string[] {
  const told = positionOf(lines(root).at(-1) ?? '')?.outbox ?? 0
  const database = new Sqlite(`${root.root}/db/inboard.sqlite`, { readonly: true })
  try {
    return database
      .prepare<[number], string>('SELECT event FROM event_outbox WHERE sequence > ?')
      .pluck()
      .all(told)
      .map((event) => `never told: ${event}`)
  } finally {
    database.close()
  }
}

/** The life of a container, as it is told. */
function impossible(told: readonly EventMessage[]): string[] {
  const actions = told.map(({ Action }) => Action)
  const ofRuns = actions.filter((action) => action === 'start' || action === 'die')
  const isLife =
    actions.lastIndexOf('create') === 0 &&
    (!actions.includes('destroy') || actions.indexOf('destroy') === actions.length - 1) &&
    !/start,start|die,die/.test(ofRuns.join())
  const wrong = isLife ? [] : [`a container is told to have lived so: ${actions}`]
  return [...wrong, ...impossibleExecs(told)]
}

function impossibleExecs(told: readonly EventMessage[]): string[] {
  const ids = new Set(told.flatMap(({ Actor }) => Actor.Attributes.execID ?? []))
  return [...ids].flatMap((id) => {
    const own = told.filter(({ Actor }) => Actor.Attributes.execID === id).map(({ Action }) => Action.split(':')[0])
    const isLife = /^exec_create,exec_start(,exec_die)?$/.test(own.join())
    return isLife ? [] : [`an exec is told to have lived so: ${own}`]
  })
}
