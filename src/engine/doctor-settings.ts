import { accessSync, constants, readdirSync } from 'node:fs'
import { readTextFile } from '../host/index.js'

/** What the kernel says of itself, by files. */
export interface KernelSettings {
  /** Kinds of namespaces that it has. */
  readonly namespaces: readonly string[]
  /** Undefined: it has no such file. */
  read(path: string): string | undefined
  /** Whether its file is there, and can be written. */
  canWrite(path: string): boolean
}

export function kernelSettings(): KernelSettings {
  return {
    namespaces: readdirSync('/proc/self/ns').filter((name) => !name.endsWith('_for_children')),
    read: (path) => readTextFile(path)?.trim(),
    canWrite(path) {
      try {
        accessSync(path, constants.W_OK)
        return true
      } catch {
        return false
      }
    },
  }
}
