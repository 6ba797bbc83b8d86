import type { EventDraft } from './types.js'

/** Docker's message of an event. @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemEvents */
export interface EventMessage {
  /** As `Action`, of containers and images. */
  readonly status?: string
  /** As `Actor.ID`, of containers and images. */
  readonly id?: string
  /** The image of a container. */
  readonly from?: string
  readonly Type: EventDraft['type']
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Seconds since the epoch. */
  readonly time: number
  /** Nanoseconds since the epoch: more than a number holds exactly. */
  readonly timeNano: number
}

/** What a supervisor puts into a line: pieces of JSON that hold the byte 1 where the value goes. */
export interface Placed {
  readonly action?: string
  readonly attributes?: Readonly<Record<string, string>>
}

/** A line of the journal up to its time. */
export function lineHead({ action, ...object }: EventDraft, placed: Placed = {}): string {
  return lineHeads(object)(action, placed)
}

/** The same for several actions of one object. */
export function lineHeads(object: Omit<EventDraft, 'action'>): (action: string, placed?: Placed) => string {
  const { type, attributes } = object
  const text = JSON.stringify
  const id = text(object.id)
  const members = text(attributes).slice(1)
  const first = legacy(object)
  return (action, placed = {}) => {
    const name = placed.action === undefined ? text(action) : `"${placed.action}"`
    const added = Object.entries(placed.attributes ?? {}).map(([key, value]) => `"${key}":"${value}"`)
    if (added.length > 0 && members !== '}') added.push('')
    const actor = `{"ID":${id},"Attributes":{${added.join(',')}${members}}`
    const status = first === undefined ? '' : `"status":${name},${first}`
    return `{${status}"Type":"${type}","Action":${name},"Actor":${actor},"scope":"local",`
  }
}

/** What messages of containers and images had before there were others; what is empty is left out. */
function legacy({ type, id, attributes }: Omit<EventDraft, 'action'>): string | undefined {
  if (type !== 'container' && type !== 'image') return undefined
  const of = (key: string, value = '') => (value === '' ? '' : `"${key}":${JSON.stringify(value)},`)
  return `${of('id', id)}${type === 'container' ? of('from', attributes.image) : ''}`
}

/** Where the journal has got to. */
export interface Position {
  /** Of the last line. */
  readonly timeNs: bigint
  /** All of the outbox up to here is in the journal. */
  readonly outbox: number
}

export const beginning: Position = { timeNs: 0n, outbox: 0 }

/** Completes a line. Every line tells how far the outbox has got, so that the last one does. */
export function completeLine(head: string, { timeNs, outbox }: Position): string {
  return `${head}"time":${timeNs / 1_000_000_000n},"timeNano":${timeNs},"outbox":${outbox}}\n`
}

/** No line's ending is longer. */
export const endingBytes = 96

const latestNs = 2n ** 63n - 1n
const ending = /"timeNano":(\d{1,19}),"outbox":(\d{1,15})\}\n?$/

/** What a line's last bytes tell. What is no line of the journal's tells nothing. */
export function positionOf(text: string): Position | undefined {
  const match = ending.exec(text)
  if (!match) return undefined
  const timeNs = BigInt(match[1] as string)
  return timeNs < latestNs ? { timeNs, outbox: Number(match[2]) } : undefined
}

/** A line as Docker's message; undefined when it is none. */
export function parseLine(line: string): EventMessage | undefined {
  try {
    const { outbox: _, ...message } = JSON.parse(line) as EventMessage & { outbox: number }
    return typeof message.Type === 'string' && typeof message.Action === 'string' && message.Actor ? message : undefined
  } catch {
    return undefined
  }
}
