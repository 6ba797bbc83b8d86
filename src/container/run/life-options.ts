import { LimitOptions } from './limits-options.js'

/** How it ends. */
export abstract class LifeOptions extends LimitOptions {
  /** Removes the container when it has ended. */
  rm(rm = true): this {
    return this.with({ rm })
  }

  stopSignal(stopSignal: string): this {
    return this.with({ stopSignal })
  }

  /** Seconds. Default 10. */
  stopTimeout(stopTimeout: number): this {
    return this.with({ stopTimeout })
  }
}
