import { setImmediate } from 'node:timers/promises'
import { type Journal, openJournal } from '../../../src/events/journal.js'
import { type Outbox, openOutbox } from '../../../src/events/outbox.js'
import { readEvents } from '../../../src/events/reader.js'
import type { EngineEvent } from '../../../src/index.js'
import { type Database, openDatabase } from '../../../src/store/database.js'

/** So small that files are rotated all the time, and so many that none is dropped. */
const limits = { maximumBytes: 2000, files: 500 }

export const isOfEvents = (name: string): boolean => name.startsWith('events.')

interface Writer extends Disposable {
  readonly database: Database
  readonly journal: Journal
  readonly outbox: Outbox
}

function openWriter(root: string): Writer {
  const database = openDatabase(`${root}/inboard.sqlite`)
  const journal = openJournal(root, limits)
  const outbox = openOutbox(database, journal)
  return {
    database,
    journal,
    outbox,
    [Symbol.dispose]() {
      outbox.close()
      database.close()
    },
  }
}

export interface EventWriting {
  readonly root: string
  readonly prefix: string
  readonly count: number
}

/** Records events, each in a transaction of its own, and says so once that is over. */
export async function writeEvents({ root, prefix, count }: EventWriting, say: (id: string) => void): Promise<void> {
  using writer = openWriter(root)
  for (let n = 0; n < count; n++) {
    const id = `${prefix}-${n}`
    writer.database.transaction(() =>
      writer.outbox.record({ type: 'container', action: 'create', id, attributes: { image: 'busybox', name: id } }),
    )
    say(id)
    if (n % 3 === 0) await setImmediate()
  }
}

/** All that is in a journal, once what a killed writer has left is in it. */
export async function readAll(root: string): Promise<EngineEvent[]> {
  using writer = openWriter(root)
  const { signal } = new AbortController()
  const list: EngineEvent[] = []
  const untilNs = writer.journal.position().timeNs
  for await (const event of readEvents(writer.journal, { afterNs: 0n, untilNs, signal, isPersistent: true })) {
    list.push(event)
    if (event.timeNano === untilNs) break
  }
  return list
}
