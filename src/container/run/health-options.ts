import type { HealthcheckInput } from '../../spec/options.js'
import { LimitOptions } from './limits-options.js'

/** How its health is checked. */
export abstract class HealthOptions extends LimitOptions {
  /**
   * How its health is checked, by its supervisor. What is given here comes over what was given before, and over what the
   * image has.
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').healthcheck({ test: 'pg_isready', interval: '1s', startPeriod: '30s' })
   * await db.waitFor('healthy')
   * ```
   */
  healthcheck(healthcheck: HealthcheckInput): this {
    return this.with({ healthcheck: { ...this.options.healthcheck, ...healthcheck } })
  }

  /** What checks it: a command for the image's shell, or a program and its arguments. It succeeds with exit code 0. */
  healthCmd(command: string | readonly string[]): this {
    return this.healthcheck({ test: typeof command === 'string' ? command : ['CMD', ...command] })
  }

  /** Between two checks, and before the first: ms, or a string such as `'1m30s'`; at least 1 ms. Default 30 s. */
  healthInterval(interval: number | string): this {
    return this.healthcheck({ interval })
  }

  /** How long a check may take before it is killed and has failed. Default 30 s. */
  healthTimeout(timeout: number | string): this {
    return this.healthcheck({ timeout })
  }

  /** How many failures in a row make it unhealthy. Default 3. */
  healthRetries(retries: number): this {
    return this.healthcheck({ retries })
  }

  /** How long after its start failures do not count, until the first success. Default 0. */
  healthStartPeriod(startPeriod: number | string): this {
    return this.healthcheck({ startPeriod })
  }

  /** The interval during the start period. Default 5 s. */
  healthStartInterval(startInterval: number | string): this {
    return this.healthcheck({ startInterval })
  }

  /** No health checks, whatever the image says. */
  noHealthcheck(noHealthcheck = true): this {
    return this.with({ noHealthcheck })
  }
}
