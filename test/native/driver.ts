import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeFrame, encodeFrame, type Frame, PlanWriter } from '../../src/launch/protocol.gen.js'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Where the test programs are built; made by `buildTestPrograms`. */
export const programs = join(here, '../../build/native-test')
export const plainSupervisor = join(programs, 'inboard-supervisor')
export const sanitizedSupervisor = join(programs, 'supervisor-sanitized')

/** Makes targets of the Makefile, by default what `Bench` needs. Two test files do not make the same at once. */
export function buildTestPrograms(...targets: readonly string[]): void {
  mkdirSync(programs, { recursive: true })
  const make = ['make', '-C', here, '-s', `OUT=${programs}`, ...targets]
  execFileSync('flock', [join(programs, '.lock'), ...make], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The frames of one connection, in order. */
export class Connection {
  readonly frames: Frame[] = []
  readonly ended: Promise<void>
  #bytes: Buffer[] = []
  #length = 0
  #waiters: { type: Frame['type']; resolve: (frame: Frame) => void; reject: (error: Error) => void }[] = []

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => this.#take(chunk))
    this.ended = new Promise((resolve) => {
      socket.on('error', () => {})
      socket.on('close', () => {
        for (const { type, reject } of this.#waiters)
          reject(new Error(`closed before ${type}: ${describe(this.frames)}`))
        resolve()
      })
    })
  }

  send(frame: Frame): void {
    this.socket.write(encodeFrame(frame))
  }

  /** The first frame of the type, now or later. */
  async next<T extends Frame['type']>(type: T): Promise<Extract<Frame, { type: T }>> {
    const found = this.frames.find((frame) => frame.type === type)
    const frame =
      found ?? (await new Promise<Frame>((resolve, reject) => this.#waiters.push({ type, resolve, reject })))
    return frame as Extract<Frame, { type: T }>
  }

  /** Resolves when what was printed so far contains the text. */
  async printed(text: string): Promise<void> {
    while (!this.output().includes(text)) {
      await new Promise<void>((resolve, reject) => {
        this.socket.once('data', () => resolve())
        this.socket.once('close', () =>
          reject(new Error(`closed before ${text} was printed: ${describe(this.frames)}`)),
        )
      })
    }
  }

  output(stream: 'stdout' | 'stderr' = 'stdout'): string {
    const chunks = this.frames.flatMap((frame) => (frame.type === stream ? [frame.data] : []))
    return Buffer.concat(chunks).toString('latin1')
  }

  #take(chunk: Buffer): void {
    this.#bytes.push(chunk)
    this.#length += chunk.length
    if (this.#length < 8) return
    let bytes = Buffer.concat(this.#bytes)
    while (bytes.length >= 8 && bytes.length >= 8 + bytes.readUInt32LE(4)) {
      const end = 8 + bytes.readUInt32LE(4)
      this.#deliver(decodeFrame(bytes[0] ?? 0, bytes.subarray(8, end)))
      bytes = bytes.subarray(end)
    }
    this.#bytes = [bytes]
    this.#length = bytes.length
  }

  #deliver(frame: Frame): void {
    this.frames.push(frame)
    const [waiter] = this.#waiters.filter(({ type }) => type === frame.type)
    this.#waiters = this.#waiters.filter((one) => one !== waiter)
    waiter?.resolve(frame)
  }
}

function describe(frames: readonly Frame[]): string {
  return JSON.stringify(frames, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)).slice(0, 2000)
}

/** A started supervisor and the status connection to it. */
export interface Supervised {
  readonly process: ChildProcess
  readonly status: Connection
  /** Its exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Those that have not ended: of tests that failed. */
const living = new Set<ChildProcess>()

/** Starts a supervisor as the addon does: plan 3, status 4, lock 5, slots from 6. */
export function supervise(
  executable: string,
  plan: Uint8Array,
  scratch: string,
  slots: readonly number[] = [],
): Supervised {
  const planPath = join(scratch, `plan-${process.hrtime.bigint()}`)
  writeFileSync(planPath, plan)
  const planDescriptor = openSync(planPath, 'r')
  const lock = openSync(join(scratch, 'lock'), 'a')
  const child = spawn(executable, [], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'inherit', planDescriptor, 'pipe', lock, ...slots],
    env: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  })
  living.add(child)
  child.once('exit', () => living.delete(child))
  closeSync(planDescriptor)
  closeSync(lock)
  const status = new Connection(child.stdio[4] as Socket)
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? signal ?? -1))
  })
  return { process: child, status, ended }
}

/** Connects to the socket in a run directory. */
export async function connectTo(runDirectory: string): Promise<Connection> {
  const socket = connect(join(runDirectory, 'sock'))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return new Connection(socket)
}

const hierarchies = ['memory', 'cpu', 'cpuacct', 'pids', 'devices', 'cpuset', 'freezer', 'blkio', 'systemd']

/** A busybox root filesystem, a cgroup parent in each hierarchy of the host, and directories for containers. */
export class Bench {
  readonly directory = mkdtempSync('/tmp/inboard-native-')
  readonly lowerdir = join(this.directory, 'rootfs')
  readonly parents = hierarchies
    .filter((hierarchy) => existsSync(`/sys/fs/cgroup/${hierarchy}/tasks`))
    .map((hierarchy) => ({ hierarchy, path: `/sys/fs/cgroup/${hierarchy}/inboard-native-${process.pid}` }))
  #count = 0

  constructor() {
    makeRootfs(this.lowerdir)
    for (const { hierarchy, path } of this.parents) {
      mkdirSync(path)
      if (hierarchy !== 'cpuset') continue
      for (const knob of ['cpuset.cpus', 'cpuset.mems'])
        writeFileSync(join(path, knob), readFileSync(join(path, '..', knob)))
      writeFileSync(join(path, 'cgroup.clone_children'), '1')
    }
  }

  /** A directory for a container, outside of which only its cgroups are made. */
  container() {
    const name = `c${this.#count++}`
    const directory = join(this.directory, name)
    for (const part of ['', 'u', 'w', 'm', 'run']) mkdirSync(join(directory, part), { mode: 0o755 })
    for (const file of ['hosts', 'hostname', 'resolv.conf']) writeFileSync(join(directory, file), `${file}\n`)
    return {
      directory,
      runDirectory: join(directory, 'run'),
      lowerdir: this.lowerdir,
      cgroups: this.parents.map(({ hierarchy, path }) => ({ hierarchy, path: `${path}/${name}` })),
      log: join(this.directory, `${name}.log`),
    }
  }

  /** Also ends what a failed test has left running. */
  async dispose(): Promise<void> {
    for (const child of living) child.kill('SIGKILL')
    const plan = new PlanWriter()
    plan.section('teardown')
    for (const { path } of this.parents) plan.cgroupKill({ path })
    for (const { path } of this.parents) plan.cgroupRemove({ path })
    await supervise(plainSupervisor, plan.finish({ mode: 'task' }), this.directory).ended
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function makeRootfs(directory: string): void {
  const programsOfBusybox =
    'cat chmod dd echo env grep hostname id kill ls mkdir mount ps pwd readlink seq sh sleep stat stty tail true tty wc yes'
  for (const part of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'srv'])
    mkdirSync(join(directory, part), { recursive: true })
  execFileSync('cp', ['/bin/busybox', join(directory, 'bin/busybox')])
  for (const name of programsOfBusybox.split(' ')) execFileSync('ln', ['-sf', 'busybox', join(directory, 'bin', name)])
  for (const file of ['hosts', 'hostname', 'resolv.conf']) writeFileSync(join(directory, 'etc', file), '')
  symlinkSync('../nowhere/yet', join(directory, 'srv/link'))
  symlinkSync('srv/link', join(directory, 'dangling'))
  writeFileSync(join(directory, 'bin/plain'), 'no program\n', { mode: 0o644 })
  writeFileSync(join(directory, 'bin/garbage'), '\x7fnot a program\n', { mode: 0o755 })
}
