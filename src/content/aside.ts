import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { failpoint } from '../errors/failpoint.js'
import type { Native } from '../host/native.js'

const siblingSuffix = '.made'

/** A file that is being written where nobody looks, until {@link publish} renames it into place. */
export interface AsideFile {
  readonly path: string
  readonly descriptor: number
  /** A second name, of a file that somebody else makes; it is published or discarded in this one's stead. */
  readonly sibling: string
  /** Renames it to `path`, replacing what is there, and closes it. */
  publish(path: string): void
  publishSibling(path: string): void
  /** Removes and closes it; nothing after a publish. */
  discard(): void
}

/**
 * Files that are written aside. Each is flocked by its writer as long as it is open, so that those of processes that
 * died can be told from those at work.
 */
export interface AsideDirectory {
  create(): AsideFile
  /** Removes the files that no living process writes. */
  sweep(): void
}

export function openAsideDirectory(directory: string, native: Pick<Native, 'flock'>): AsideDirectory {
  mkdirSync(directory, { recursive: true, mode: 0o700 })

  const create = (): AsideFile => {
    const path = join(directory, randomBytes(16).toString('hex'))
    const descriptor = openSync(path, 'wx+', 0o600)
    failpoint('content.aside')
    // Between open and flock a sweep may have taken the file for a dead one.
    if (!native.flock(descriptor, 'exclusive', false) || fstatSync(descriptor).nlink === 0) {
      closeSync(descriptor)
      return create()
    }
    return asideFile(path, descriptor)
  }

  const removeDead = (name: string) => {
    const path = join(directory, name)
    const descriptor = openSync(path, 'r')
    try {
      if (!native.flock(descriptor, 'exclusive', false)) return
      // In this order: a sibling without its file would be nobody's.
      rmSync(path + siblingSuffix, { force: true })
      unlinkSync(path)
    } finally {
      closeSync(descriptor)
    }
  }

  return {
    create,
    sweep() {
      for (const name of readdirSync(directory)) {
        if (name.endsWith(siblingSuffix)) continue
        try {
          removeDead(name)
        } catch (error) {
          // Its writer published or discarded it meanwhile.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        }
      }
    },
  }
}

function asideFile(path: string, descriptor: number): AsideFile {
  let isOpen = true
  const close = () => {
    isOpen = false
    closeSync(descriptor)
  }
  return {
    path,
    descriptor,
    sibling: path + siblingSuffix,
    publish(target) {
      renameSync(path, target)
      close()
    },
    publishSibling: (target) => renameSync(path + siblingSuffix, target),
    discard() {
      if (!isOpen) return
      // Unlinked before the lock goes with the descriptor: a sweep never meets it.
      try {
        rmSync(path + siblingSuffix, { force: true })
        unlinkSync(path)
      } finally {
        close()
      }
    },
  }
}
