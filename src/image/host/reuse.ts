import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUnchanged, type Observation } from './host-files.js'
import type { HostImageRequest } from './options.js'

/** To be raised when the same host files would make another image. */
const version = 1

interface Remembered {
  readonly image: string
  readonly observations: readonly Observation[]
}

/** Remembers in `root/host-images` which request made which image, and of which files: a repeated one costs some lstats. */
export interface HostImageMemory {
  /** The image that the request made, if every file that it saw is as it was. */
  recall(request: HostImageRequest): string | undefined
  remember(request: HostImageRequest, image: string, observations: readonly Observation[]): void
  /** Forgets requests whose images have gone. */
  sweep(exists: (image: string) => boolean): void
}

export function openHostImageMemory(root: string): HostImageMemory {
  const directory = join(root, 'host-images')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = (request: HostImageRequest) => join(directory, keyOf(request))

  return {
    recall(request) {
      const remembered = read(path(request))
      return remembered && isUnchanged(remembered.observations) ? remembered.image : undefined
    },
    remember(request, image, observations) {
      const file = path(request)
      // One name for each process: what a dead one has left is overwritten or swept.
      const aside = `${file}.${process.pid}`
      writeFileSync(aside, JSON.stringify({ image, observations } satisfies Remembered), { mode: 0o600 })
      renameSync(aside, file)
    },
    sweep(exists) {
      for (const name of readdirSync(directory)) {
        const remembered = name.includes('.') ? undefined : read(join(directory, name))
        if (!remembered || !exists(remembered.image)) rmSync(join(directory, name), { force: true })
      }
    },
  }
}

/** Nothing for what is missing or, after a power cut, torn. */
function read(path: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Remembered
  } catch {
    return undefined
  }
}

/** The name is no part of what is made. */
function keyOf({ reference: _, ...request }: HostImageRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([version, process.arch, request]))
    .digest('hex')
}
