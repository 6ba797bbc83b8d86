/**
 * Services that tests and scripts want, as data that can be copied: image, environment, readiness, connection string; and
 * what starts any of them.
 *
 * @example
 * ```ts
 * import { postgres } from 'inboard/services'
 *
 * await using db = await postgres({ database: 'app' }).start(engine)
 * console.log(db.connectionString)
 * ```
 *
 * @module inboard/services
 */
export { type AnswerOptions, answers } from './answers.js'
export { type GenericOptions, generic } from './generic.js'
export { mongo } from './mongo.js'
export { mariadb, mysql } from './mysql.js'
export { nginx } from './nginx.js'
export { postgres } from './postgres.js'
export type {
  DatabaseCredentials,
  DatabaseOptions,
  ImageOption,
  NoCredentials,
  ServiceAddress,
  ServicePreset,
  Settled,
} from './preset.js'
export { type RedisCredentials, type RedisOptions, redis } from './redis.js'
export type { RunningService, ServiceHandle, ServiceSnapshot } from './running.js'
export { type Service, service } from './service.js'
export type { ServiceRunner } from './start.js'
export type { StartOptions } from './start-options.js'
