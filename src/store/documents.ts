import { StoreError } from '../errors/index.js'

/**
 * The JSON of a column.
 *
 * @param of whose it is, as an error tells it: `network ID`
 * @throws {StoreError} STORE_CORRUPT
 */
export function parseDocument<Document>(text: string, of: string): Document {
  try {
    return JSON.parse(text) as Document
  } catch (cause) {
    throw corrupt(of, cause)
  }
}

const ids = /^[0-9a-f]{64}$/

/**
 * The id of a container, network or snapshot, which names directories and things of the kernel's.
 *
 * @param what it is the id of, as an error tells it: `network`
 * @throws {StoreError} STORE_CORRUPT
 */
export function parseId(id: string, what: string): string {
  if (!ids.test(id)) throw corrupt(`${what} ${JSON.stringify(id)}`)
  return id
}

function corrupt(record: string, cause?: unknown): StoreError {
  return new StoreError(`the store's record of ${record} is corrupt: restore the store from a backup`, {
    code: 'STORE_CORRUPT',
    cause,
    details: { record },
  })
}
