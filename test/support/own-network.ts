import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** What a program has left. */
export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * A host that is not the one the test runs on: a network namespace with its loopback up and a cable (veth) to the test's
 * own. It sends what it does not know the way to through the test's, which need not forward it. All of it goes when the test
 * has ended, however it ended.
 */
export class OutsideHost implements AsyncDisposable {
  /** How many cables the test's namespace has had. */
  private static made = 0

  private readonly children = new Set<ChildProcessWithoutNullStreams>()

  private constructor(
    private readonly holder: ChildProcessWithoutNullStreams,
    /** The test's end of the cable. */
    readonly link: string,
    /** Of the host: 198.51.100.x and 2001:db8:0:x::2. Its interface is eth0. */
    readonly address: string,
    readonly address6: string,
    /** Of the test's end of the cable, in the same subnets. */
    readonly gateway: string,
    readonly gateway6: string,
  ) {}

  static async connect(): Promise<OutsideHost> {
    const number = ++OutsideHost.made
    if (number >= 64) throw new Error('198.51.100.0/24 has no more addresses for hosts of tests')
    const net6 = `2001:db8:0:${number.toString(16)}`
    const [gateway, address] = [`198.51.100.${number * 4 + 1}`, `198.51.100.${number * 4 + 2}`]
    // It lives as long as somebody could write to it.
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo; exec cat'])
    await once(holder.stdout, 'data')
    const host = new OutsideHost(holder, `outside${number}`, address, `${net6}::2`, gateway, `${net6}::1`)
    await host.lay()
    return host
  }

  /** The file of its network namespace, for setns(2). */
  get namespace(): string {
    return `/proc/${this.holder.pid}/ns/net`
  }

  /** Runs a program there to its end. */
  async run(program: string, ...args: string[]): Promise<Run> {
    try {
      return { status: 0, ...(await execute('nsenter', this.entering(program, args), { timeout: 30_000 })) }
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: unknown; stdout: string; stderr: string }
      if (typeof code !== 'number') throw error
      return { status: code, stdout, stderr }
    }
  }

  /** Starts a program there, which is ended with the host at the latest. */
  spawn(program: string, ...args: string[]): ChildProcessWithoutNullStreams {
    const child = spawn('nsenter', this.entering(program, args))
    this.children.add(child)
    child.once('exit', () => this.children.delete(child))
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The link would go with the namespace, but later.
    await execute('ip', ['link', 'delete', this.link])
    await Promise.all([...this.children, this.holder].map(end))
  }

  private async lay(): Promise<void> {
    const { link, address, address6, gateway, gateway6 } = this
    const pid = `${this.holder.pid}`
    await execute('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid])
    await commands(
      (line) => execute('ip', line),
      [`address add ${gateway}/30 dev ${link}`, `address add ${gateway6}/64 dev ${link} nodad`, `link set ${link} up`],
    )
    await commands(
      (line) => execute('nsenter', this.entering('ip', line)),
      [
        'link set lo up',
        `address add ${address}/30 dev eth0`,
        `address add ${address6}/64 dev eth0 nodad`,
        'link set eth0 up',
        `route add default via ${gateway}`,
        `route add default via ${gateway6}`,
      ],
    )
  }

  private entering(program: string, args: readonly string[]): string[] {
    return [`--net=${this.namespace}`, '--', program, ...args]
  }
}

async function commands(run: (args: string[]) => Promise<unknown>, lines: readonly string[]): Promise<void> {
  for (const line of lines) await run(line.split(' '))
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
