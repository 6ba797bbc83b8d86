import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory of its own for a test, removed afterwards. In memory, /dev/shm, thousands of files are made in no time. */
export function temporaryDirectory(parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, 'inboard-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Closes the descriptor when the test has ended. */
export function closing(descriptor: number): number {
  onTestFinished(() => closeSync(descriptor))
  return descriptor
}

/** What a failing function throws. */
export function failureOf(action: () => unknown): NodeJS.ErrnoException {
  try {
    action()
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
  throw new Error('nothing was thrown')
}

/** Compiles the C program into a static executable in `directory`. */
export function compileStatic(source: string, directory: string): string {
  const executable = join(directory, 'program')
  // A sanitizer preloaded into this process is not for the compiler.
  execFileSync('cc', ['-static', '-O1', '-o', executable, source], { env: { PATH: process.env.PATH } })
  return executable
}

export const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** Reads a stream socket until `end`, or to its end. */
export async function readUntil(socket: Socket, end: string): Promise<string> {
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (text.includes(end)) return text
  }
  return text
}

export async function closed(socket: Socket): Promise<void> {
  socket.destroy()
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}
