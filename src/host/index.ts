import { closeSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaries, programPath } from './addon.js'
import type { Native } from './native.js'

export * from './aside.js'
export * from './cgroup-parent.js'
export * from './cgroups.js'
export * from './constants.js'
export * from './file-lock.js'
export * from './growth.js'
export * from './kernel-filesystems.js'
export * from './limits.js'
export * from './mount-flags.js'
export type * from './native.js'
export * from './probe.js'
export * from './process-start.js'
export * from './scan.js'
export * from './text-file.js'

/**
 * The kernel primitives. The addon is loaded at the first call, never by an import.
 *
 * @throws UnsupportedHostError when it cannot be loaded
 */
export function native(): Native {
  return binaries().native
}

let supervisor: number | undefined

/**
 * A sealed memfd of the supervisor, made once and open as long as the process: what runs beside containers cannot be
 * overwritten through /proc (CVE-2019-5736), and an upgrade of the package changes nothing under a running engine.
 */
export function supervisorExecutable(): number {
  supervisor ??= native().memfdSealed('inboard-supervisor', readFileSync(programPath('inboard-supervisor')))
  return supervisor
}

/** The static init program that `init` puts at pid 1 of a container; to be bound into it read-only. */
export function initExecutablePath(): string {
  return programPath('inboard-init')
}

/** Where this package is installed. */
export function packageDirectory(): string {
  return binaries().root
}

/** Runs `use` with a descriptor and closes it whatever happens. */
export function withDescriptor<Result>(descriptor: number, use: (descriptor: number) => Result): Result {
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The version of this package. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(binaries().root, 'package.json'), 'utf8')) as { version: string }
  return version
}
