import type { NoCredentials, ServicePreset } from './preset.js'
import type { RunningService } from './running.js'
import { type ServiceRunner, startService } from './start.js'
import type { StartOptions } from './start-options.js'

/** A preset that can be started: a frozen object, of which `{ ...service, image }` makes another. */
export interface Service<Own extends object = NoCredentials> extends ServicePreset<Own> {
  /**
   * Runs it, and waits until it is ready. It is ephemeral, gone when this process ends, unless `reuse`, `restart` or
   * `ephemeral: false` say otherwise.
   *
   * @param from an engine; or a scope, with which it is disposed of
   * @param options as `docker run`'s, over the preset's; `publish: true`: reached by a free port of 127.0.0.1
   * @throws {InvalidStateError} WAIT_TIMED_OUT, CONTAINER_EXITED_EARLY when it does not become ready; {InvalidOptionError}
   *   INVALID_OPTION for an option that cannot be, such as `reuse` with a password that is not given
   *
   * @example
   * ```ts
   * await using db = await postgres().start(engine, { network: 'backend', networkAlias: ['db'] })
   * ```
   */
  start(from: ServiceRunner, options?: StartOptions): Promise<RunningService<Own>>
}

/**
 * A preset of one's own.
 *
 * @example
 * ```ts
 * const memcached = service({
 *   name: 'memcached',
 *   image: 'memcached:1',
 *   port: 11211,
 *   credentials: {},
 *   ready: () => [answers(11211, { send: 'version\r\n', expect: /^VERSION/ })],
 *   connectionString: ({ host, port }) => `${host}:${port}`,
 * })
 * await using cache = await memcached.start(engine)
 * ```
 */
export function service<Own extends object>(preset: ServicePreset<Own>): Service<Own> {
  return Object.freeze({
    ...preset,
    credentials: Object.freeze({ ...preset.credentials }),
    // Of the object that it is a member of: also of a copy.
    start(this: ServicePreset<Own>, from: ServiceRunner, options: StartOptions = {}) {
      return startService(this, from, options)
    },
  })
}
