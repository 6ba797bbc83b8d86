import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { resolverProfile } from '../../src/network/helper-profiles.js'
import { compileSeccomp } from '../../src/spec/index.js'
import { resolveProfile } from '../../src/spec/seccomp/resolve.js'
import { programs } from './driver.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const execute = promisify(execFile)

/** Which name server is run, and how. */
export interface Build {
  readonly name: 'release' | 'sanitized'
  /** How much faster than others its clock goes: the sanitized one's only. */
  readonly rate?: number
  /** How many descriptors it may have. */
  readonly descriptors?: number
  /** What it tries instead of answering, as if it were taken over: the release one's only. */
  readonly attempt?: string
}

/** What dig(1) understood. */
export interface Answer {
  readonly status: string
  readonly flags: readonly string[]
  /** Lines as `web. 600 IN A 10.0.0.2`. */
  readonly answers: readonly string[]
}

type Line = Record<string, unknown>

/** A process that answers by lines. */
class Lines {
  private readonly lines: AsyncIterator<string>

  constructor(readonly child: ChildProcess & { readonly stdout: Readable }) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  async next(): Promise<string> {
    const { value, done } = await this.lines.next()
    if (done) throw new Error(`${this.child.spawnfile} has ended`)
    return value
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await ended
  }
}

/** The embedded name server in a network namespace of its own, confined as in a container's, with clients and servers. */
export class NameServer implements AsyncDisposable {
  private readonly children: Lines[] = []
  private readonly directory = mkdtempSync(join(tmpdir(), 'inboard-names-'))
  private holder: Lines | undefined
  private driver: Lines | undefined
  private peer: Lines | undefined

  static async start(build: Build, files: Readonly<Record<string, string>>): Promise<NameServer> {
    const server = new NameServer()
    mkdirSync(join(server.directory, 'dns'), { mode: 0o755 })
    for (const [name, text] of Object.entries(files)) server.write(name, text)
    server.holder = server.add(spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec cat']))
    await server.holder.next()
    server.peer = server.enter('python3', join(here, 'resolver-peer.py'))
    await server.launch(build)
    return server
  }

  /** Replaces a file, as the engine does. */
  write(name: string, text: string): void {
    const path = join(this.directory, 'dns', name)
    writeFileSync(`${path}.new`, text, { mode: 0o644 })
    renameSync(`${path}.new`, path)
  }

  remove(name: string): void {
    rmSync(join(this.directory, 'dns', name))
  }

  async dig(...args: string[]): Promise<Answer> {
    const asking = ['@127.0.0.11', '+noall', '+comments', '+answer', '+tries=1', '+time=20', ...args]
    const { stdout } = await execute('nsenter', [this.network, 'dig', ...asking])
    return {
      status: /status: (\w+)/.exec(stdout)?.[1] ?? stdout,
      flags: /flags: ([\w ]*);/.exec(stdout)?.[1]?.split(' ') ?? [],
      answers: stdout.split('\n').flatMap((line) => (/^[^;\s]/.test(line) ? [line.replace(/\s+/g, ' ')] : [])),
    }
  }

  /** Sends datagrams, in hexadecimal; what comes back, up to so many. */
  udp(send: readonly string[], expect: number): Promise<string[]> {
    return this.ask({ do: 'udp', send, expect, timeout: 10 })
  }

  /** Sends bytes through a connection, and reads so many answers, or up to its end. */
  tcp(send: readonly string[], expect: number, half = false): Promise<string[]> {
    return this.ask({ do: 'tcp', send, expect, half, timeout: 15 })
  }

  async ask<Value>(request: Line): Promise<Value> {
    this.peer?.child.stdin?.write(`${JSON.stringify(request)}\n`)
    return JSON.parse((await this.peer?.next()) ?? '') as Value
  }

  /** Another server, which never answers, always fails, or whose answers come after forged ones. */
  async serve(address: string, mode: 'silent' | 'failing' | 'lying'): Promise<void> {
    await this.ask({ do: 'serve', address, mode })
  }

  /** A real server. */
  async dnsmasq(address: string, ...options: string[]): Promise<void> {
    const own = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root', '--log-facility=-']
    const listening = ['--bind-interfaces', `--listen-address=${address}`]
    const mortal = ['setpriv', '--pdeathsig', 'KILL']
    const child = spawn('nsenter', [this.network, ...mortal, 'dnsmasq', ...own, ...listening, ...options])
    const said = new Lines(Object.assign(child, { stdout: child.stderr }))
    this.children.push(said)
    while (!(await said.next()).includes('started'));
  }

  /** The exit code of the process that answered up to now, when it has ended. */
  async exitCode(): Promise<number> {
    return Number(await this.driver?.next())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children.reverse()) await child.end()
    rmSync(this.directory, { recursive: true })
  }

  private async launch({ name, rate = 1, descriptors = 8192, attempt = '' }: Build): Promise<void> {
    const filter = join(this.directory, 'filter')
    writeFileSync(filter, compileSeccomp(resolveProfile(resolverProfile, confinement), confinement.arch))
    const release = join(programs, 'resolver-driver')
    const dns = join(this.directory, 'dns')
    const limited = ['prlimit', `--nofile=${descriptors}`]
    this.driver =
      name === 'release'
        ? this.enter(...limited, release, dns, 'view', filter, '', attempt)
        : this.enter(...limited, `${release}-sanitized`, dns, 'view', '', `${rate}`)
    await this.driver.next()
  }

  private get network(): string {
    return `--net=/proc/${this.holder?.child.pid}/ns/net`
  }

  private enter(...command: string[]): Lines {
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1', UBSAN_OPTIONS: 'halt_on_error=1' }
    return this.add(spawn('nsenter', [this.network, ...command], { env, stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  private add(child: ChildProcess & { readonly stdout: Readable }): Lines {
    const lines = new Lines(child)
    this.children.push(lines)
    return lines
  }
}

const confinement = { arch: process.arch === 'x64' ? 'x86_64' : 'aarch64', caps: [], kernel: '6.1' } as const

/** A query in hexadecimal: recursion desired, one question. */
export function query(name: string, { id = 0x1234, type = 1, size = 0 } = {}): string {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, size > 0 ? 1 : 0])
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const question = Buffer.from([0, type >> 8, type & 255, 0, 1])
  const edns = size > 0 ? Buffer.from([0, 0, 41, size >> 8, size & 255, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0)
  return Buffer.concat([header, ...labels, question, edns]).toString('hex')
}

/** Behind its length, as it goes through a connection. */
export function framed(message: string): string {
  return (message.length / 2).toString(16).padStart(4, '0') + message
}

/** The response code, and whether the answer is truncated. */
export function read(message: string) {
  const bytes = Buffer.from(message, 'hex')
  return {
    id: bytes.readUInt16BE(0),
    rcode: bytes.readUInt8(3) & 15,
    truncated: (bytes.readUInt8(2) & 2) !== 0,
    answers: bytes.readUInt16BE(6),
    length: bytes.length,
  }
}
