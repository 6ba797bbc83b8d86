import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Times } from './peer.js'

// Debian's crun refuses a hybrid host whose v2 hierarchy has a controller left; it is measured on the v1 hierarchies.
const withoutUnified = 'umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'

/** The arguments of unshare(1) that give a command network and mount namespaces of its own: what it makes ends with it. */
export function apart(command: readonly string[]): string[] {
  return ['--net', '--mount', 'sh', '-c', withoutUnified, 'sh', ...command]
}

/** A program that does one run for each line it gets and answers with `ANSWERED REMOVED`, both in microseconds. */
export class Coprocess implements AsyncDisposable {
  private readonly child
  private readonly lines

  /** @param stderr ignored: for programs that warn each time */
  constructor(command: readonly string[], stderr: 'inherit' | 'ignore' = 'inherit') {
    this.child = spawn('unshare', apart(command), { stdio: ['pipe', 'pipe', stderr] })
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  async run(): Promise<Times> {
    this.child.stdin.write('\n')
    const { value, done } = await this.lines.next()
    if (done) throw new Error(`${this.child.spawnargs.join(' ')} ended`)
    const [answered = Number.NaN, removed = Number.NaN] = value.split(' ').map((time: string) => Number(time) / 1000)
    return { answered, removed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin.end()
    if (this.child.exitCode === null) await once(this.child, 'exit')
  }
}
