import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { type Answer, effectOf, type Fault, Faults, send } from './scripted-registry/faults.js'
import { type ImageOptions, makeImage, makeIndex, type ScriptedImage } from './scripted-registry/images.js'
import { Repositories } from './scripted-registry/repositories.js'
import { type AuthOptions, Tokens } from './scripted-registry/tokens.js'
import { problem, type UploadOptions, Uploads } from './scripted-registry/uploads.js'

export interface RecordedRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface ScriptedRegistryOptions extends UploadOptions {
  readonly faults?: readonly Fault[]
  readonly auth?: AuthOptions
  /** Whether `Range` is honoured. Default: true. */
  readonly ranges?: boolean
  /** Tags and repositories for each page. Default: all at once. */
  readonly pageSize?: number
  /** Results of `/v1/search`; without it there is none. */
  readonly search?: readonly object[]
}

/**
 * A registry in this process: a real HTTP server on loopback that holds images in memory, records what it is asked, and
 * goes wrong as its script says.
 *
 * @example
 * ```ts
 * await using registry = await ScriptedRegistry.start({
 *   faults: [{ on: /^GET .*\/blobs\//, times: 1, effect: { kind: 'reset', after: 1000 } }],
 * })
 * const image = await registry.addImage('library/x', { layers: [{ 'etc/motd': 'hello\n' }] })
 * await engine.pull(`${registry.host}/library/x`)
 * ```
 */
export class ScriptedRegistry implements AsyncDisposable {
  readonly #server: Server
  readonly #options: ScriptedRegistryOptions
  readonly #tokens: Tokens | undefined
  readonly #uploads: Uploads
  readonly #faults: Faults
  readonly repositories = new Repositories()
  readonly requests: RecordedRequest[] = []
  /** Bytes of bodies that were sent, by path. */
  readonly sent = new Map<string, number>()

  private constructor(server: Server, options: ScriptedRegistryOptions) {
    this.#server = server
    this.#options = options
    this.#tokens = options.auth && new Tokens(options.auth)
    this.#uploads = new Uploads(this.repositories, options)
    this.#faults = new Faults(options.faults ?? [])
    server.on('request', (request, response) => this.#serve(request, response))
    // A client that went away is none of the registry's failures.
    server.on('clientError', (_, socket) => socket.destroy())
  }

  static async start(options: ScriptedRegistryOptions = {}): Promise<ScriptedRegistry> {
    const server = createServer({ keepAliveTimeout: 60_000 })
    const registry = new ScriptedRegistry(server, options)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return registry
  }

  /** As a reference has it: `127.0.0.1:41234`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get origin(): string {
    return `http://${this.host}`
  }

  /** Tokens that were given out. */
  get tokensIssued(): number {
    return this.#tokens?.issued ?? 0
  }

  /** Uploads that were neither completed nor cancelled. */
  get openUploads(): number {
    return this.#uploads.open
  }

  /** How many clients are connected. */
  connections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))()
  }

  /** `METHOD path?query` of requests so far. */
  asked(pattern = /./): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => pattern.test(line))
  }

  fault(fault: Fault): void {
    this.#faults.add(fault)
  }

  /** From now on everything goes well. */
  heal(): void {
    this.#faults.clear()
  }

  async addImage(name: string, options: ImageOptions = {}): Promise<ScriptedImage> {
    const image = await makeImage(options)
    const repository = this.repositories.make(name)
    for (const [digest, bytes] of image.blobs) repository.blobs.set(digest, bytes)
    this.repositories.putManifest(name, options.tag ?? 'latest', image)
    return image
  }

  /** A manifest list of images, which have to be of the same repository. @returns its digest */
  addIndex(name: string, tag: string, images: readonly ScriptedImage[], isDocker = false): string {
    return this.repositories.putManifest(name, tag, makeIndex(images, isDocker))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request
    this.requests.push({ method, path, headers })
    const effects = this.#faults.due(`${method} ${path}`)
    const count = (bytes: number) => this.sent.set(path, (this.sent.get(path) ?? 0) + bytes)
    try {
      const limit = effectOf(effects, 'resetUpload')?.after ?? Number.POSITIVE_INFINITY
      const refused = effectOf(effects, 'status') && { status: 500, headers: {}, body: Buffer.alloc(0) }
      const isWhole = effectOf(effects, 'whole') !== undefined
      const answer = refused ?? (await this.#answer(request, new URL(path, this.origin), limit, isWhole))
      if (answer === 'cut' || effectOf(effects, 'lose')) request.socket.resetAndDestroy()
      else await send(response, answer, effects, count)
    } catch (error) {
      response.destroy(error as Error)
    }
  }

  async #answer(request: IncomingMessage, url: URL, limit: number, isWhole: boolean): Promise<Answer | 'cut'> {
    if (url.pathname === '/token') return this.#token(request, url)
    const route = routeOf(url.pathname)
    const challenge = this.#tokens?.challenge(request, url.origin, scopeOf(route, request.method ?? 'GET'))
    if (challenge !== undefined) return problem(401, 'UNAUTHORIZED', { 'www-authenticate': challenge })
    switch (route.kind) {
      case 'base':
        return json({})
      case 'search':
        return this.#search(url)
      case 'catalog':
        return this.#page(url, 'repositories', this.repositories.names(), {})
      case 'tags': {
        const tags = this.repositories.get(route.name)?.tags
        return tags
          ? this.#page(url, 'tags', [...tags.keys()].sort(), { name: route.name })
          : problem(404, 'NAME_UNKNOWN')
      }
      case 'manifest':
        return this.#manifest(request, route.name, route.reference)
      case 'blob':
        return this.#blob(request, route.name, route.reference, isWhole)
      case 'uploads':
        return request.method === 'POST' ? this.#uploads.begin(route.name, url) : problem(405, 'UNSUPPORTED')
      case 'upload':
        return this.#uploads.proceed(request, route.name, route.reference, url, limit)
      case 'unknown':
        return problem(404, 'NOT_FOUND')
    }
  }

  #token(request: IncomingMessage, url: URL): Answer {
    const issued = this.#tokens?.issue(request, url)
    return issued === undefined ? problem(401, 'UNAUTHORIZED') : json(issued)
  }

  #search(url: URL): Answer {
    if (!this.#options.search) return problem(404, 'NOT_FOUND')
    const results = this.#options.search
    return json({ num_results: results.length, query: url.searchParams.get('q'), results })
  }

  #page(url: URL, key: string, all: readonly string[], document: object): Answer {
    const size = this.#options.pageSize ?? all.length
    const last = url.searchParams.get('last')
    const begin = last === null ? 0 : all.indexOf(last) + 1
    const page = all.slice(begin, begin + size)
    const hasMore = begin + size < all.length
    const next = `<${url.pathname}?last=${page.at(-1)}&n=${size}>; rel="next"`
    return json({ ...document, [key]: page }, hasMore ? { link: next } : {})
  }

  async #manifest(request: IncomingMessage, name: string, reference: string): Promise<Answer> {
    if (request.method === 'PUT') {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const mediaType = request.headers['content-type'] ?? ''
      const digest = this.repositories.putManifest(name, reference, { mediaType, bytes: Buffer.concat(chunks) })
      return { status: 201, headers: { 'docker-content-digest': digest }, body: Buffer.alloc(0) }
    }
    const manifest = this.repositories.manifest(name, reference)
    if (!manifest) return problem(404, this.repositories.get(name) ? 'MANIFEST_UNKNOWN' : 'NAME_UNKNOWN')
    const digest = this.repositories.get(name)?.tags.get(reference) ?? reference
    return {
      status: 200,
      headers: { 'content-type': manifest.mediaType, 'docker-content-digest': digest },
      body: manifest.bytes,
    }
  }

  #blob(request: IncomingMessage, name: string, digest: string, isWhole: boolean): Answer {
    const blob = this.repositories.get(name)?.blobs.get(digest)
    if (!blob) return problem(404, 'BLOB_UNKNOWN')
    const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest }
    const begin = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
    if (begin === undefined || isWhole || this.#options.ranges === false) return { status: 200, headers, body: blob }
    if (Number(begin) >= blob.length) return problem(416, 'RANGE_INVALID')
    const range = `bytes ${begin}-${blob.length - 1}/${blob.length}`
    return { status: 206, headers: { ...headers, 'content-range': range }, body: blob.subarray(Number(begin)) }
  }
}

type Route =
  | { readonly kind: 'base' | 'search' | 'catalog' | 'unknown' }
  | {
      readonly kind: 'tags' | 'manifest' | 'blob' | 'uploads' | 'upload'
      readonly name: string
      readonly reference: string
    }

const routes = [
  { kind: 'tags', pattern: /^\/v2\/(.+)\/tags\/(list)$/ },
  { kind: 'manifest', pattern: /^\/v2\/(.+)\/manifests\/([^/]+)$/ },
  { kind: 'uploads', pattern: /^\/v2\/(.+)\/blobs\/(uploads)\/?$/ },
  { kind: 'upload', pattern: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/ },
  { kind: 'blob', pattern: /^\/v2\/(.+)\/blobs\/([^/]+)$/ },
] as const

function routeOf(path: string): Route {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' }
  if (path === '/v1/search') return { kind: 'search' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  for (const { kind, pattern } of routes) {
    const [, name, reference] = pattern.exec(decodeURIComponent(path)) ?? []
    if (name !== undefined && reference !== undefined) return { kind, name, reference }
  }
  return { kind: 'unknown' }
}

/** What a token has to allow. */
function scopeOf(route: Route, method: string): string | undefined {
  if (route.kind === 'catalog') return 'registry:catalog:*'
  if (!('name' in route)) return undefined
  return `repository:${route.name}:${method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'}`
}

function json(document: object | string, headers: Answer['headers'] = {}): Answer {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body: Buffer.from(text) }
}
