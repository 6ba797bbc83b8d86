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
  const onResize = () => {
    const { isTTY, rows, columns } = process.stdout
    if (isTTY) target.resize?.(rows, columns)
  }
  for (const name of passed) process.on(name, onSignal)
  if (target.resize) process.on('SIGWINCH', onResize)
  onResize()
  return () => {
    for (const name of passed) process.removeListener(name, onSignal)
    process.removeListener('SIGWINCH', onResize)
  }
}
