import type { LogOptionsInput } from '../../spec/log.js'
import type { RestartInput } from '../../spec/options.js'
import { HealthOptions } from './health-options.js'

/** How it ends. */
export abstract class LifeOptions extends HealthOptions {
  /** Removes the container when it has ended. */
  rm(rm = true): this {
    return this.with({ rm })
  }

  /**
   * Has it end with this process, however that ends, `kill -9` included: it is killed and removed at once, with its anonymous volumes,
   * and so it is by `engine.close()`. Implies `rm()`; not together with `restart()`.
   *
   * @example
   * ```ts
   * const redis = await engine.run('redis:7').ephemeral()
   * ```
   */
  ephemeral(ephemeral = true): this {
    return this.with({ ephemeral })
  }

  /** When it is started again after its end: `'on-failure:3'`, `'always'`, `'unless-stopped'`. Default `'no'`. */
  restart(restart: RestartInput): this {
    return this.with({ restart })
  }

  /**
   * Makes it one that is found again: awaiting the builder gives the container of this key, running, if it was made with
   * the same options; by whichever process, in whichever run of a program. Of several that ask at once one makes it, and all get
   * it, each when what it waits for is so. One that has exited is started again, with its data; one that is paused goes on.
   *
   * A key names one container: when the options have changed, or the image that their name stands for, the old one is
   * removed, with its anonymous volumes, and a new one takes its place. Nobody removes it otherwise: `remove()` does.
   *
   * @param reuse any text but the empty one; in the label `inboard.reuse`, to be seen and listed by
   * @throws {InvalidOptionError} INVALID_OPTION, when it is run, with `rm` or `ephemeral`, and for `create()`, `output()` and `attach()`
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').env({ POSTGRES_PASSWORD: 'dev' }).reuse('my-tests')
   * ```
   */
  reuse(reuse: string): this {
    return this.with({ reuse })
  }

  /**
   * Where its output goes: `'json-file'` (the default), `'local'` (compact, exact bytes), `'none'`, or a driver of
   * {@link EngineOptions.logDrivers}.
   */
  logDriver(logDriver: string): this {
    return this.with({ logDriver })
  }

  /**
   * Options of the log's driver: `'max-size=10m'`, or an object. Docker's: `maxSize` (powers of 1000) and `maxFile` of
   * json-file and local (20 MiB and 5 there), `labels`, `labelsRegex`, `env`, `envRegex` and `tag` of json-file.
   * With `compress`, which `local` has by default, files that were renamed are compressed while the container goes on.
   *
   * @example
   * ```ts
   * await engine.run('redis').logOpt({ maxSize: '10m', maxFile: 3, labels: ['service'] })
   * ```
   */
  logOpt(...logOpt: readonly (string | LogOptionsInput)[]): this {
    return this.add('logOpt', logOpt)
  }

  stopSignal(stopSignal: string): this {
    return this.with({ stopSignal })
  }

  /** Seconds. Default 10. */
  stopTimeout(stopTimeout: number): this {
    return this.with({ stopTimeout })
  }
}
