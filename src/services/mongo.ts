import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import type { DatabaseCredentials, DatabaseOptions } from './preset.js'
import { type Service, service } from './service.js'

/**
 * MongoDB: the official image. Ready when it takes connections at the container's own address: the server that the image has while
 * it makes its first user listens on 127.0.0.1 only. Snapshots need nothing: it has a journal.
 *
 * @param options user: default `root`, known by the database `admin`; password: default a random one; database: default `test`;
 *   image: default `mongo:8`
 *
 * @example
 * ```ts
 * await using db = await mongo({ database: 'app' }).start(engine)
 * const client = new MongoClient(db.connectionString)
 * ```
 */
export function mongo({
  user = 'root',
  password,
  database = 'test',
  image = 'mongo:8',
}: DatabaseOptions = {}): Service<DatabaseCredentials> {
  return service<DatabaseCredentials>({
    name: 'MongoDB',
    image,
    port: 27017,
    credentials: { user, password, database },
    env: (its) => ({
      MONGO_INITDB_ROOT_USERNAME: its.user,
      MONGO_INITDB_ROOT_PASSWORD: its.password,
      MONGO_INITDB_DATABASE: its.database,
    }),
    ready: () => [answers(27017, { host: 'own' })],
    connectionString: (address, its) =>
      `${connectionUrl('mongodb', address, its)}?authSource=admin&directConnection=true`,
  })
}
