import { constants } from 'node:os'

/** Whom a process's signals are passed on to. */
export interface SignalTarget {
  signal(number: number): void
  /** With a terminal: what has changed with SIGWINCH. */
  resize?(rows: number, columns: number): void
}

const passed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Passes on what this process is sent, in place of being ended by it. Returns what ends that. */
export function proxySignals(target: SignalTarget): () => void {
  const onSignal = (name: (typeof passed)[number]) => target.signal(constants.signals[name])
  const { stdout } = process
  // Its own event: by then it knows its new size, which at SIGWINCH depends on who listens first.
  const onResize = () => {
    if (stdout.isTTY) target.resize?.(stdout.rows, stdout.columns)
  }
  for (const name of passed) process.on(name, onSignal)
  stdout.on('resize', onResize)
  onResize()
  return () => {
    for (const name of passed) process.removeListener(name, onSignal)
    stdout.removeListener('resize', onResize)
  }
}
