import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type TestEngine, testEngine } from './engine.js'
import type { TestImage } from './images.js'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** What came back of bytes that were sent. */
export interface RawAnswer {
  /** Of the first answer; undefined: the connection ended without one. */
  readonly status: number | undefined
  readonly text: string
}

export interface WholeAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** `inboard serve` in a process of its own, whose memory and descriptors can be seen, and an engine on the same root. */
export interface ApiProcess extends TestEngine {
  readonly pid: number
  readonly socket: string
  /** The exit code; null while it lives. */
  exitCode(): number | null
  /** What it has printed as errors. */
  errors(): string
  /** Bytes of memory. */
  memory(): number
  /** Open descriptors. */
  descriptors(): number
  /** Sends bytes as they are, and reads until the other side ends, or `until` appears. */
  raw(bytes: string | Uint8Array, until?: string): Promise<RawAnswer>
  request(
    method: string,
    path: string,
    body?: string | Uint8Array,
    headers?: Record<string, string>,
  ): Promise<WholeAnswer>
  /** A connection on which a request was sent, which nobody reads. */
  open(request: string): Promise<Socket>
}

export async function apiProcess(images: readonly TestImage[] = ['busybox']): Promise<ApiProcess> {
  const own = await testEngine(images)
  const socket = join(own.directory, 'docker.sock')
  const roots = ['--root', join(own.directory, 'root'), '--run-root', join(own.directory, 'run')]
  const child = spawn(process.execPath, [program, 'serve', '--socket', socket, ...roots], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')])
  if (child.exitCode !== null || child.pid === undefined) throw new Error(`inboard serve has ended: ${errors}`)
  const { pid } = child
  return {
    ...own,
    pid,
    socket,
    exitCode: () => child.exitCode,
    errors: () => errors,
    memory: () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    raw: (bytes, until) => raw(socket, bytes, until),
    request: (...parts) => request(socket, ...parts),
    async open(text) {
      const client = connect(socket)
      client.on('error', () => {})
      await once(client, 'connect')
      client.write(text)
      return client
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      if (child.exitCode === null && child.kill('SIGTERM')) await ended
      await own[Symbol.asyncDispose]()
    },
  }
}

function raw(path: string, bytes: string | Uint8Array, until?: string): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const client = connect(path)
    let text = ''
    client.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (until !== undefined && text.includes(until)) client.destroy()
    })
    // What is refused is often reset: the answer, if any, came before that.
    client.on('error', () => {})
    client.on('close', () => {
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]
      resolve({ status: status === undefined ? undefined : Number(status), text })
    })
    client.write(bytes)
  })
}

function request(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<WholeAnswer> {
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const asking = httpRequest(
      { socketPath, method, path, agent: false, headers: { ...type, ...headers } },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      },
    )
    asking.on('error', reject)
    asking.end(body)
  })
}
