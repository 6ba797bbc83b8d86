import { closeSync, openSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import type { Native } from '../host/native.js'
import type { ImageRecords } from '../store/images.js'
import { newMark, ofBoot } from './marks.js'

/**
 * Brings images to the disk. What exists nowhere else is synced before it is recorded. What can be had again is recorded
 * at once, with a mark, and synced behind the answer: after a power cut whatever still has a mark is mended, see `mend.ts`.
 *
 * Whoever records is covered by a syncfs(2) that begins afterwards: each forgets the marks that it has found, no others.
 */
export interface Disk {
  /** A mark for what is recorded before it is on the disk. */
  mark(): string
  /** Returns once everything that was written before is on the disk. */
  sync(): Promise<void>
  /** The same, some time, if something is marked. A failure leaves the marks, for the next who comes or opens the root. */
  syncLater(): void
  /** When nothing is on its way to the disk. */
  settled(): Promise<void>
}

export interface DiskOptions {
  readonly root: string
  readonly native: Pick<Native, 'syncfs'>
  readonly records: Pick<ImageRecords, 'marks' | 'clearMarks'>
  readonly bootId: string
  /** What to do when marks were forgotten by a sync that nobody waits for. */
  readonly onSynced: () => Promise<void>
}

export function openDisk({ root, native, records, bootId, onSynced }: DiskOptions): Disk {
  const ownMarks = () => records.marks().filter((mark) => ofBoot(mark, bootId))
  let isWanted = false
  let running: Promise<void> | undefined

  const sync = async () => {
    failpoint('images.sync')
    const before = ownMarks()
    await syncFilesystem(root, native)
    if (before.length === 0) return
    failpoint('images.synced')
    records.clearMarks(before)
  }

  const run = async () => {
    while (isWanted) {
      isWanted = false
      try {
        await sync()
        await onSynced()
      } catch {}
    }
    running = undefined
  }

  return {
    mark: () => newMark(bootId),
    sync,
    syncLater() {
      if (ownMarks().length === 0) return
      isWanted = true
      running ??= run()
    },
    async settled() {
      while (running) await running
    },
  }
}

/** Before what is on the disk is recorded as being there. */
export async function syncFilesystem(root: string, native: Pick<Native, 'syncfs'>): Promise<void> {
  const descriptor = openSync(root, 'r')
  try {
    await native.syncfs(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
