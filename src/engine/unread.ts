/** Which of an operation's events a slow reader gets all the same. */
export interface Keeping<Event> {
  /** Bytes of an event that is kept; undefined: of those that are unread only the newest are. */
  sizeOf(event: Event): number | undefined
  /** Told in the place of kept events that were more than can be kept after all. */
  lost(events: number, bytes: number): Event
}

/** Of those that are not kept: a slow reader costs no memory. */
const maxUnread = 1000

/** Who has more unread than this is waited for, by those who can. */
const highWaterBytes = 1024 * 1024

/** Nobody has to wait for a reader: who does not holds no more than this. */
const maxKeptBytes = 64 * 1024 * 1024

/** What an event takes beside its bytes. */
const overheadBytes = 200

interface Waiting<Event> {
  readonly event: Event
  /** Undefined: it may be dropped. */
  readonly bytes: number | undefined
}

/** One reader's events, oldest first. */
export class Unread<Event> {
  readonly #keeping: Keeping<Event> | undefined
  /** Undefined: dropped. */
  #waiting: (Waiting<Event> | undefined)[] = []
  #first = 0
  /** What has bytes that can be lost is not before this. */
  #losable = 0
  #loose = 0
  #keptBytes = 0
  #lost = { events: 0, bytes: 0 }

  constructor(keeping: Keeping<Event> | undefined) {
    this.#keeping = keeping
  }

  get isFull(): boolean {
    return this.#keptBytes > highWaterBytes
  }

  add(event: Event): void {
    const size = this.#keeping?.sizeOf(event)
    const bytes = size === undefined ? undefined : size + overheadBytes
    this.#waiting.push({ event, bytes })
    if (bytes === undefined) this.#loose++
    else this.#keptBytes += bytes
    if (this.#loose > maxUnread)
      this.#drop(this.#waiting.findIndex((one) => one !== undefined && one.bytes === undefined))
    while (this.#keptBytes > maxKeptBytes && this.#lose());
  }

  /** Undefined: all is read. */
  take(): Event | undefined {
    const { events, bytes } = this.#lost
    if (events > 0) {
      this.#lost = { events: 0, bytes: 0 }
      return this.#keeping?.lost(events, bytes)
    }
    while (this.#first < this.#waiting.length) {
      const next = this.#waiting[this.#first]
      this.#drop(this.#first++)
      this.#trim()
      if (next !== undefined) return next.event
    }
    return undefined
  }

  #drop(at: number): void {
    const dropped = this.#waiting[at]
    if (dropped === undefined) return
    this.#waiting[at] = undefined
    if (dropped.bytes === undefined) this.#loose--
    else this.#keptBytes -= dropped.bytes
  }

  /** The oldest with bytes of its own: what is told of it stands before all others. False: there is none. */
  #lose(): boolean {
    for (; this.#losable < this.#waiting.length; this.#losable++) {
      const { bytes = 0 } = this.#waiting[this.#losable] ?? {}
      if (bytes <= overheadBytes) continue
      this.#lost = { events: this.#lost.events + 1, bytes: this.#lost.bytes + bytes - overheadBytes }
      this.#drop(this.#losable)
      return true
    }
    return false
  }

  /** Not one by one: a shift of many costs as much as there are. */
  #trim(): void {
    if (this.#first * 2 < this.#waiting.length) return
    this.#waiting = this.#waiting.slice(this.#first)
    this.#losable = Math.max(0, this.#losable - this.#first)
    this.#first = 0
  }
}
