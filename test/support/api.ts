import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { ApiServer, EngineOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from './engine.js'
import type { TestImage } from './images.js'

/** What a command has printed, and how it ended. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of a JSON answer. */
  // biome-ignore lint/suspicious/noExplicitAny: documents of the API, whose fields tests name.
  readonly document: any
}

/** An engine whose API is served on a socket, and clients of it. */
export interface TestApi extends TestEngine {
  readonly server: ApiServer
  readonly socket: string
  /** The environment of a client: `DOCKER_HOST`, and a configuration directory of its own. */
  readonly env: Readonly<Record<string, string>>
  /** Runs the real `docker`. */
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** A request as it is: `api.request('GET', '/containers/json')`. A body is sent as JSON unless it is bytes. */
  request(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>
}

/** Opens an engine as `testEngine` does, and serves its API. */
export async function testApi(
  images: readonly TestImage[] = ['busybox'],
  options: EngineOptions = {},
): Promise<TestApi> {
  const own = await testEngine(images, options)
  const socket = join(own.directory, 'docker.sock')
  const server = await own.engine.serve({ socket })
  const config = join(own.directory, 'docker-config')
  await mkdir(config)
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config }
  return {
    ...own,
    server,
    socket,
    env,
    docker: (args, options = {}) => command('docker', args, { ...options, env: { ...env, ...options.env } }),
    request: (method, path, body, headers) => request(socket, method, path, body, headers),
    async [Symbol.asyncDispose]() {
      await server.close()
      await own[Symbol.asyncDispose]()
    },
  }
}

/** Runs a program to its end. */
export function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.signal ? { signal: options.signal } : {}),
    })
    const output = { stdout: gathered(child.stdout), stderr: gathered(child.stderr) }
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? '')
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, stdout: output.stdout(), stderr: output.stderr() }))
  })
}

function gathered(stream: Readable): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

function request(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiAnswer> {
  const isBytes = body instanceof Uint8Array
  const bytes = body === undefined ? undefined : isBytes ? body : Buffer.from(JSON.stringify(body))
  const type = isBytes ? 'application/x-tar' : 'application/json'
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { socketPath, method, path, agent: false, headers: { ...(bytes ? { 'Content-Type': type } : {}), ...headers } },
      (response) => {
        const text = gathered(response)
        response.on('error', reject)
        response.on('end', () => {
          const isJson = response.headers['content-type'] === 'application/json'
          const document = () => (isJson ? documentOf(text()) : undefined)
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: text(), document: document() })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(bytes)
  })
}

/** undefined for progress, which is several documents. */
function documentOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
