import { randomBytes } from 'node:crypto'

/**
 * A mark on records of what is not on the disk yet. Each record has one of its own: an image may be removed and made once
 * more while a sync is under way, and then has to wait for the next.
 */
export function newMark(bootId: string): string {
  return `${bootId}/${randomBytes(8).toString('hex')}`
}

/** Whether what has this mark was recorded during this boot: then its files are as they were written. */
export function ofBoot(mark: string, bootId: string): boolean {
  return mark.startsWith(`${bootId}/`)
}
