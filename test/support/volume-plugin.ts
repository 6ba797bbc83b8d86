import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface VolumePluginOptions {
  /** Volumes are made below it, and a file `mounts/VOLUME/ID` for each use of one. */
  readonly directory: string
  /** Where it listens; without it on a free port of loopback. */
  readonly socket?: string
  /** PEM texts; with `ca` only clients with a certificate of it are served. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string }
  readonly faults?: readonly PluginFault[]
}

/** How it goes wrong at a method: `Mount`, `Activate`.. */
export interface PluginFault {
  readonly on: string
  /** Default: always. */
  readonly times?: number
  readonly effect:
    | { readonly kind: 'hang' }
    /** Any answer instead of its own. */
    | {
        readonly kind: 'say'
        readonly body: string
        readonly status?: number
        readonly headers?: Record<string, string>
      }
    /** An answer of so many bytes. */
    | { readonly kind: 'flood'; readonly bytes: number }
    /** An answer that goes on and on, slowly. */
    | { readonly kind: 'drip' }
    /** The connection ends in the middle of the answer. */
    | { readonly kind: 'drop' }
    /** The process kills itself: before or after it did what it was asked for, or in the middle of the answer. */
    | { readonly kind: 'die'; readonly when: 'before' | 'after' | 'during' }
}

export interface AskedOfPlugin {
  readonly method: string
  readonly body: unknown
  readonly headers: IncomingHttpHeaders
}

/**
 * A volume plugin as Docker's protocol has it, in a process of its own, that goes wrong as it is told.
 *
 * @example
 * ```ts
 * await using plugin = await VolumePlugin.start({ socket: `${plugins}/disk.sock`, directory })
 * await plugin.fault({ on: 'Mount', times: 1, effect: { kind: 'hang' } })
 * ```
 */
export class VolumePlugin implements AsyncDisposable {
  readonly #options: VolumePluginOptions
  #child: ChildProcess
  #port: number

  private constructor(options: VolumePluginOptions, { child, port }: Launched) {
    this.#options = options
    this.#child = child
    this.#port = port
  }

  static async start(options: VolumePluginOptions): Promise<VolumePlugin> {
    return new VolumePlugin(options, await launch(options))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Of one that listens on loopback. */
  get port(): number {
    return this.#port
  }

  async fault(fault: PluginFault): Promise<void> {
    await this.#tell({ kind: 'fault', fault })
  }

  /** What it was asked for since it was started, in order; also what it has not answered. */
  async asked(): Promise<AskedOfPlugin[]> {
    return (await this.#tell({ kind: 'asked' })) as AskedOfPlugin[]
  }

  /** Has it forget its volumes, its faults, and what it was asked. */
  async reset(): Promise<void> {
    await this.#tell({ kind: 'reset' })
  }

  /** How many clients are connected. */
  async connections(): Promise<number> {
    return (await this.#tell({ kind: 'connections' })) as number
  }

  /** Resolves when it is asked for a method again. */
  async nextAsked(method: string): Promise<void> {
    await this.#tell({ kind: 'next', method })
  }

  /** The volumes it has, and the ids that use them. */
  mounts(): Record<string, string[]> {
    const volumes = readdirSync(join(this.#options.directory, 'volumes'))
    return Object.fromEntries(volumes.map((name) => [name, readdirSync(join(this.#options.directory, 'mounts', name))]))
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended()
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  /** Starts it anew with the same volumes, and without what it was told since its start. */
  async restart(): Promise<void> {
    await this.kill()
    const { child, port } = await launch(this.#options)
    this.#child = child
    this.#port = port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    if (this.#options.socket !== undefined) rmSync(this.#options.socket, { force: true })
  }

  async #tell(message: Message): Promise<unknown> {
    const number = ++messages
    const answer = new Promise((resolve) => {
      const onAnswer = (told: { number: number; answer: unknown }) => {
        if (told.number !== number) return
        this.#child.off('message', onAnswer)
        resolve(told.answer)
      }
      this.#child.on('message', onAnswer)
    })
    this.#child.send({ number, ...message })
    return answer
  }
}

let messages = 0

type Message =
  | { readonly kind: 'fault'; readonly fault: PluginFault }
  | { readonly kind: 'next'; readonly method: string }
  | { readonly kind: 'asked' | 'connections' | 'reset' }

interface Launched {
  readonly child: ChildProcess
  readonly port: number
}

const program = fileURLToPath(import.meta.url)

async function launch(options: VolumePluginOptions): Promise<Launched> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], {
    cwd: dirname(program),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the volume plugin ended with ${code}`))),
  ])
  return { child, port }
}

// From here on: the plugin's own process.

function serve(options: VolumePluginOptions): void {
  const faults = (options.faults ?? []).map((fault) => ({ ...fault }))
  const asked: AskedOfPlugin[] = []
  const waiting: { readonly method: string; readonly tell: () => void }[] = []
  const volumes = new Volumes(options.directory)
  const listener: RequestListener = async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const method = (request.url ?? '').replace(/^.*\./, '')
    const body = text === '' ? undefined : JSON.parse(text)
    asked.push({ method, body, headers: request.headers })
    for (const one of waiting.splice(0)) {
      if (one.method === method) one.tell()
      else waiting.push(one)
    }
    const fault = due(faults, method)
    const act = () => volumes.answer(method, body ?? {})
    if (fault) misbehave(response, fault.effect, act)
    else send(response, act())
  }
  const server = options.tls
    ? createSecureServer({ ...options.tls, requestCert: options.tls.ca !== undefined }, listener)
    : createServer(listener)
  const announce = () => process.send?.((server.address() as AddressInfo).port ?? 0)
  if (options.socket === undefined) server.listen(0, '127.0.0.1', announce)
  else {
    rmSync(options.socket, { force: true })
    mkdirSync(dirname(options.socket), { recursive: true })
    server.listen(options.socket, announce)
  }
  process.on('disconnect', () => process.exit())
  process.on('message', ({ number, ...message }: Message & { number: number }) => {
    const answer = (answer: unknown) => process.send?.({ number, answer })
    switch (message.kind) {
      case 'fault':
        faults.push({ ...message.fault })
        return answer(true)
      case 'next':
        return waiting.push({ method: message.method, tell: () => answer(true) })
      case 'asked':
        return answer(asked)
      case 'reset':
        faults.length = asked.length = 0
        return answer(volumes.removeAll())
      case 'connections':
        return server.getConnections((_, count) => answer(count))
    }
  })
}

type MutableFault = { -readonly [Key in keyof PluginFault]: PluginFault[Key] }

function due(faults: MutableFault[], method: string): PluginFault | undefined {
  const fault = faults.find(({ on, times = 1 }) => on === method && times > 0)
  if (fault?.times !== undefined) fault.times--
  return fault
}

type Answer = Record<string, unknown> | undefined

function send(response: ServerResponse, answer: Answer): void {
  // As plugins do that are written in Go: an error comes with the status 500.
  const status = answer === undefined ? 404 : answer.Err ? 500 : 200
  response.writeHead(status, { 'content-type': 'application/vnd.docker.plugins.v1.1+json' })
  response.end(answer === undefined ? '404 page not found\n' : JSON.stringify(answer))
}

function misbehave(response: ServerResponse, effect: PluginFault['effect'], act: () => Answer): void {
  switch (effect.kind) {
    case 'hang':
      return
    case 'say':
      response.writeHead(effect.status ?? 200, effect.headers).end(effect.body)
      return
    case 'flood':
      response.end(JSON.stringify({ Err: '', Filler: 'x'.repeat(effect.bytes) }))
      return
    case 'drip': {
      const timer = setInterval(() => response.write(' '), 10)
      response.once('close', () => clearInterval(timer))
      return
    }
    case 'drop':
      response.writeHead(200, { 'content-length': 1000 })
      response.write('{"Err":', () => response.socket?.destroy())
      return
    case 'die':
      if (effect.when !== 'before') act()
      if (effect.when === 'during') response.write('{"Err":', die)
      else die()
      return
  }
}

const die = () => process.kill(process.pid, 'SIGKILL')

interface VolumeRequest {
  readonly Name?: string
  readonly ID?: string
  readonly Opts?: Readonly<Record<string, string>> | null
}

class Volumes {
  readonly #volumes: string
  readonly #mounts: string

  constructor(directory: string) {
    this.#volumes = join(directory, 'volumes')
    this.#mounts = join(directory, 'mounts')
    for (const directory of [this.#volumes, this.#mounts]) mkdirSync(directory, { recursive: true })
  }

  /** Undefined for a method that there is not. */
  answer(method: string, { Name = '', ID = '', Opts }: VolumeRequest): Answer {
    const isKnown = readdirSync(this.#volumes).includes(Name)
    const missing = { Err: `no such volume: ${Name}` }
    const Mountpoint = join(this.#volumes, Name)
    switch (method) {
      case 'Activate':
        return { Implements: ['VolumeDriver'] }
      case 'Create':
        if (Opts?.fail !== undefined) return { Err: Opts.fail }
        for (const directory of [Mountpoint, join(this.#mounts, Name)]) mkdirSync(directory, { recursive: true })
        return { Err: '' }
      case 'Remove':
        return isKnown ? this.#remove(Name) : missing
      case 'Mount':
        if (!isKnown) return missing
        writeFileSync(join(this.#mounts, Name, ID), '')
        return { Mountpoint, Err: '' }
      case 'Unmount':
        rmSync(join(this.#mounts, Name, ID), { force: true })
        return { Err: '' }
      case 'Path':
        return isKnown ? { Mountpoint, Err: '' } : missing
      case 'Get':
        return isKnown ? { Volume: this.#describe(Name), Err: '' } : missing
      case 'List':
        return { Volumes: readdirSync(this.#volumes).map((name) => this.#describe(name)), Err: '' }
      case 'Capabilities':
        return { Capabilities: { Scope: 'local' } }
      default:
        return undefined
    }
  }

  removeAll(): void {
    for (const directory of [this.#volumes, this.#mounts])
      for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
  }

  #remove(name: string): Answer {
    if (readdirSync(join(this.#mounts, name)).length > 0) return { Err: `volume ${name} is mounted` }
    for (const directory of [this.#volumes, this.#mounts]) rmSync(join(directory, name), { recursive: true })
    return { Err: '' }
  }

  #describe(name: string): Record<string, unknown> {
    const CreatedAt = statSync(join(this.#volumes, name)).birthtime.toISOString()
    const Status = { mounts: readdirSync(join(this.#mounts, name)).length }
    return { Name: name, Mountpoint: join(this.#volumes, name), CreatedAt, Status }
  }
}

if (process.argv[1] === program) serve(JSON.parse(process.argv[2] ?? ''))
