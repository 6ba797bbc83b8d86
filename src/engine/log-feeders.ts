import type { ContainerContext } from '../container/context.js'
import type { ContainerRecord } from '../store/containers.js'
import type { LogDriver } from './log-drivers.js'
import { LogFeeder } from './log-feeder.js'

const closingPatienceMs = 5000
// Nothing tells that another process does not feed any more, when it was killed.
const takeoverMs = 5000

/** Gives the output of all containers of a root to those drivers that this engine has, unless another process does. */
export class LogFeeders {
  readonly #context: ContainerContext
  readonly #drivers: Readonly<Record<string, LogDriver>>
  readonly #feeders = new Map<string, LogFeeder>()
  /** Containers that have ended and whose output was taken, with what the store said of them then. */
  readonly #taken = new Map<string, string>()
  readonly #unwatch: () => void
  readonly #timer: NodeJS.Timeout
  #isSurveying = false

  constructor(context: ContainerContext, drivers: Readonly<Record<string, LogDriver>>) {
    this.#context = context
    this.#drivers = drivers
    this.#unwatch = context.onCommit(() => this.#survey())
    this.#timer = setInterval(() => this.#survey(), takeoverMs).unref()
    this.#survey()
  }

  /** What is logged by now is given to drivers that take it within five seconds. */
  async close(): Promise<void> {
    this.#unwatch()
    clearInterval(this.#timer)
    const feeders = [...this.#feeders.values()]
    for (const feeder of feeders) feeder.finish()
    const late = setTimeout(() => {
      for (const feeder of feeders) feeder.stop()
    }, closingPatienceMs)
    await Promise.all(feeders.map(({ done }) => done))
    clearTimeout(late)
  }

  /** Looks for output that nobody takes; once for all that is committed at once. */
  #survey(): void {
    if (this.#isSurveying) return
    this.#isSurveying = true
    setImmediate(() => {
      this.#isSurveying = false
      if (this.#context.closing.aborted) return
      const records = this.#context.containers.list()
      for (const record of records) this.#begin(record)
      this.#forget(new Set(records.map(({ id }) => id)))
    })
  }

  #begin(record: ContainerRecord): void {
    const driver = this.#drivers[record.config.log.driver]
    const state = `${record.phase} ${record.attempt}`
    if (!driver || record.attempt === 0 || this.#feeders.has(record.id) || this.#taken.get(record.id) === state) return
    const feeder = new LogFeeder(this.#context, record, driver)
    this.#feeders.set(record.id, feeder)
    void feeder.done.then((isAll) => {
      this.#feeders.delete(record.id)
      if (isAll && record.phase !== 'started') this.#taken.set(record.id, state)
      // It may have been started again meanwhile.
      else if (isAll) this.#survey()
    })
  }

  #forget(present: ReadonlySet<string>): void {
    for (const id of this.#taken.keys()) if (!present.has(id)) this.#taken.delete(id)
  }
}
