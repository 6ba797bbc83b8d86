import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { sha256 } from '../archives.js'
import type { Answer } from './faults.js'
import type { Repositories } from './repositories.js'

export interface UploadOptions {
  /** `Location` as a whole URL. Default: only its path. */
  readonly absoluteLocations?: boolean
  /** Told as `OCI-Chunk-Min-Length`. */
  readonly chunkMinLength?: number
  /** Mounts are answered by an upload. */
  readonly refuseMounts?: boolean
}

/** Uploads of blobs, with their sessions. */
export class Uploads {
  readonly #repositories: Repositories
  readonly #options: UploadOptions
  readonly #sessions = new Map<string, Buffer[]>()

  constructor(repositories: Repositories, options: UploadOptions) {
    this.#repositories = repositories
    this.#options = options
  }

  /** Sessions that were neither completed nor cancelled. */
  get open(): number {
    return this.#sessions.size
  }

  begin(name: string, url: URL): Answer {
    const mount = url.searchParams.get('mount')
    const blob = this.#repositories.get(url.searchParams.get('from') ?? '')?.blobs.get(mount ?? '')
    if (mount !== null && blob && !this.#options.refuseMounts) {
      this.#repositories.make(name).blobs.set(mount, blob)
      return empty(201, { location: `/v2/${name}/blobs/${mount}`, 'docker-content-digest': mount })
    }
    const id = randomBytes(8).toString('hex')
    this.#sessions.set(id, [])
    return this.#state(202, name, id, url.origin)
  }

  /** PATCH, PUT, GET and DELETE of a session. `limit`: of the body's bytes only so many are taken. */
  async proceed(request: IncomingMessage, name: string, id: string, url: URL, limit: number): Promise<Answer | 'cut'> {
    const parts = this.#sessions.get(id)
    if (!parts || url.searchParams.get('_state') !== 'a b+c') return problem(404, 'BLOB_UPLOAD_UNKNOWN')
    if (request.method === 'GET') return this.#state(204, name, id, url.origin)
    if (request.method === 'DELETE') {
      this.#sessions.delete(id)
      return empty(204)
    }
    const begin = /^(\d+)-\d+$/.exec(request.headers['content-range'] ?? '')?.[1]
    if (begin !== undefined && Number(begin) !== sizeOf(parts)) return this.#state(416, name, id, url.origin)
    if (!(await receive(request, parts, limit))) return 'cut'
    if (request.method === 'PATCH') return this.#state(202, name, id, url.origin)
    this.#sessions.delete(id)
    const bytes = Buffer.concat(parts)
    const digest = sha256(bytes)
    if (digest !== url.searchParams.get('digest')) return problem(400, 'DIGEST_INVALID')
    this.#repositories.make(name).blobs.set(digest, bytes)
    return empty(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest })
  }

  #state(status: number, name: string, id: string, origin: string): Answer {
    const { absoluteLocations = false, chunkMinLength } = this.#options
    const size = sizeOf(this.#sessions.get(id) ?? [])
    return empty(status, {
      // A query that a careless client would write differently.
      location: `${absoluteLocations ? origin : ''}/v2/${name}/blobs/uploads/${id}?_state=a%20b%2Bc`,
      range: `0-${Math.max(size - 1, 0)}`,
      ...(chunkMinLength !== undefined && { 'oci-chunk-min-length': chunkMinLength }),
    })
  }
}

async function receive(request: IncomingMessage, parts: Buffer[], limit: number): Promise<boolean> {
  let received = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, limit - received)
      parts.push(part)
      received += part.length
      if (received >= limit) return false
    }
    return true
  } catch {
    return false
  }
}

const sizeOf = (parts: readonly Buffer[]) => parts.reduce((sum, part) => sum + part.length, 0)

const empty = (status: number, headers: Answer['headers'] = {}): Answer => ({ status, headers, body: Buffer.alloc(0) })

export function problem(status: number, code: string, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] })),
  }
}
