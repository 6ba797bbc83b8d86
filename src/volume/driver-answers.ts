import { posix } from 'node:path'
import { inspect } from 'node:util'
import type { DriverVolume } from './driver.js'

/** A driver's answers, as its interface says they are, or an Error that says what they are instead. */

const maxPathBytes = 4095

export function nothingOf(_answer: unknown): void {}

export function mountpointOf(answer: unknown): string {
  if (typeof answer !== 'string' || !answer.startsWith('/') || answer.includes('\0'))
    throw new Error(`its mountpoint is not an absolute path but ${brief(answer)}`)
  if (posix.normalize(answer) === '/') throw new Error('its mountpoint is the root of the host')
  if (Buffer.byteLength(answer) > maxPathBytes) throw new Error(`its mountpoint has more than ${maxPathBytes} bytes`)
  return answer
}

/** '' where it has none now. */
export function pathOf(answer: unknown): string {
  return answer == null || answer === '' ? '' : mountpointOf(answer)
}

export function volumeOf(answer: unknown): DriverVolume | undefined {
  return answer == null ? undefined : driverVolumeOf(answer)
}

export function volumesOf(answer: unknown): DriverVolume[] {
  if (!Array.isArray(answer)) throw new Error(`its volumes are not a list but ${brief(answer)}`)
  return answer.map(driverVolumeOf)
}

export function scopeOf(answer: unknown): { readonly scope: 'local' | 'global' } {
  const scope = isObject(answer) ? answer.scope : undefined
  if (scope === 'local' || scope === 'global') return { scope }
  throw new Error(`its scope is neither local nor global but ${brief(scope)}`)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function driverVolumeOf(answer: unknown): DriverVolume {
  if (!isObject(answer)) throw new Error(`what it says of a volume is not an object but ${brief(answer)}`)
  const { name, mountpoint, createdAt, status } = answer
  if (typeof name !== 'string' || name === '') throw new Error(`the name of a volume is ${brief(name)}`)
  if (createdAt !== undefined && !(createdAt instanceof Date && !Number.isNaN(createdAt.getTime())))
    throw new Error(`the time at which a volume was created is ${brief(createdAt)}`)
  if (status !== undefined && !isObject(status)) throw new Error(`the status of a volume is ${brief(status)}`)
  const path = pathOf(mountpoint)
  return { name, ...(path && { mountpoint: path }), ...(createdAt && { createdAt }), ...(status && { status }) }
}

const brief = (value: unknown): string => inspect(value, { depth: 0, maxStringLength: 100, breakLength: Infinity })
