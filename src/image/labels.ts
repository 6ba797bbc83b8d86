import type { ImageRecords } from '../store/images.js'
import { parseConfig } from './documents/config.js'

/** Labels as `key` or `key=value`. */
export type LabelFilter = string | readonly string[]

/** Whether all of the wanted labels are there, as Docker's filter `label` has it. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: LabelFilter = []): boolean {
  return [wanted].flat().every((label) => hasLabel(labels, label))
}

/** Whether none of them is there: Docker's filter `label!`. */
export function lacksLabels(labels: Readonly<Record<string, string>>, unwanted: LabelFilter = []): boolean {
  return ![unwanted].flat().some((label) => hasLabel(labels, label))
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  const key = equals < 0 ? wanted : wanted.slice(0, equals)
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1))
}

const maxKnown = 10_000

/** Labels of images by ID, read once: an image's never change. */
export function openLabels(records: Pick<ImageRecords, 'get'>): (id: string) => Readonly<Record<string, string>> {
  const known = new Map<string, Readonly<Record<string, string>>>()
  return (id) => {
    const labels = known.get(id)
    if (labels) return labels
    const row = records.get(id)
    if (!row) return none
    const read = parseConfig(Buffer.from(row.config), id).config.Labels ?? none
    if (known.size >= maxKnown) known.delete(known.keys().next().value as string)
    known.set(id, read)
    return read
  }
}

const none = Object.freeze({})
