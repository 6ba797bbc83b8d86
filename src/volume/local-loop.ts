import { closeSync, fstatSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../host/index.js'

const retryMs = 2

/**
 * Runs `mount` with a loop device over a file, which goes when nobody has it mounted any more. Two devices over one file would
 * destroy the filesystem in it: whichever is there already is used, and nobody makes another one meanwhile.
 */
export async function withLoopDevice<Result>(
  file: string,
  readOnly: boolean,
  signal: AbortSignal,
  mount: (device: string) => Promise<Result>,
): Promise<Result> {
  const path = realpathSync(file)
  const lock = openSync(path, 'r')
  try {
    await lockExclusively(lock, signal)
    const device = deviceOver(lock) ?? native().loopAttach(path, { readOnly })
    try {
      return await mount(device.path)
    } finally {
      closeSync(device.fd)
    }
  } finally {
    closeSync(lock)
  }
}

/** Polls: a blocking flock would stop the event loop. */
async function lockExclusively(lock: number, signal: AbortSignal): Promise<void> {
  for (; ; await delay(retryMs)) {
    signal.throwIfAborted()
    if (native().flock(lock, 'exclusive', false)) return
  }
}

interface LoopDevice {
  readonly path: string
  /** Keeps it from going. */
  readonly fd: number
}

/** The loop device over the whole of an open file. */
function deviceOver(file: number): LoopDevice | undefined {
  for (const name of readdirSync('/sys/block')) {
    if (!name.startsWith('loop') || !isOver(name, file)) continue
    const device = { path: `/dev/${name}`, fd: openSync(`/dev/${name}`, 'r') }
    if (isOver(name, file)) return device
    closeSync(device.fd)
  }
  return undefined
}

function isOver(device: string, file: number): boolean {
  const text = (attribute: string) => readFileSync(`/sys/block/${device}/loop/${attribute}`, 'utf8').replace(/\n$/, '')
  try {
    const [{ dev, ino }, other] = [fstatSync(file), statSync(text('backing_file'))]
    return dev === other.dev && ino === other.ino && text('offset') === '0' && text('sizelimit') === '0'
  } catch {
    // Without a file behind it it has no such attributes; a path of another mount namespace says nothing.
    return false
  }
}
