import type { LogEntry } from '../container/log-entry.js'

/** Options of every call of a driver. */
export interface LogDriverCall {
  /** Fires when the engine closes, the container is removed, or the driver took longer than two minutes. */
  readonly signal: AbortSignal
}

/** Whose output a driver gets. */
export interface LoggedContainer {
  readonly id: string
  readonly name: string
  /** The image's name as it was given, and its ID. */
  readonly image: string
  readonly imageId: string
  readonly createdAt: Date
  /** What its program is; without the image's own. */
  readonly command: readonly string[]
  /** Its own, and not the image's. */
  readonly env: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** `logOpt`, as it was given. */
  readonly options: Readonly<Record<string, string>>
}

/**
 * Takes containers' output elsewhere: to syslog, journald, fluentd. The container never waits for it. Its output is kept on
 * disk first (`cacheMaxSize`, 20 MiB by default, in each of `cacheMaxFile`, 5, files: Docker's `cache-max-size` and
 * `cache-max-file`), is read there by `container.logs()`, and is given to the driver from there by one of the engines that
 * have the root open and know the driver. What a driver has taken is remembered; after a crash it goes on from there, and
 * gets what it was not known to have taken again: everything comes at least once, in order, but what the disk had no
 * more room for while the driver failed.
 *
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram'
 *
 * // RFC 3164 over UDP: facility 3 (daemons), severity 6 (information) or 3 (error).
 * function syslog(host: string, port = 514): LogDriver {
 *   const socket = createSocket('udp4').unref()
 *   const send = (line: string) =>
 *     new Promise<void>((resolve, reject) => socket.send(line, port, host, (error) => (error ? reject(error) : resolve())))
 *   return {
 *     async write(entries, { name }) {
 *       for (const { stream, text, time } of entries)
 *         await send(`<${3 * 8 + (stream === 'stderr' ? 3 : 6)}>${time} ${name}: ${text.trimEnd()}`)
 *     },
 *   }
 * }
 * await using engine = await Engine.open({ logDrivers: { syslog: syslog('loghost') } })
 * await engine.run('nginx').logDriver('syslog')
 * ```
 */
export interface LogDriver {
  /** Refuses options of a container that is about to be made, by throwing. */
  check?(options: Readonly<Record<string, string>>): void
  /**
   * Takes entries; they are taken when it resolves. When it rejects they come again, after 100 ms, and twice as long each
   * time, up to half a minute. Calls for one container never overlap.
   */
  write(entries: readonly LogEntry[], container: LoggedContainer, call: LogDriverCall): Promise<void>
}
