import type { RestartInput } from '../../spec/options.js'
import { LimitOptions } from './limits-options.js'

/** How it ends. */
export abstract class LifeOptions extends LimitOptions {
  /** Removes the container when it has ended. */
  rm(rm = true): this {
    return this.with({ rm })
  }

  /** When it is started again after its end: `'on-failure:3'`, `'always'`, `'unless-stopped'`. Default `'no'`. */
  restart(restart: RestartInput): this {
    return this.with({ restart })
  }

  stopSignal(stopSignal: string): this {
    return this.with({ stopSignal })
  }

  /** Seconds. Default 10. */
  stopTimeout(stopTimeout: number): this {
    return this.with({ stopTimeout })
  }
}
