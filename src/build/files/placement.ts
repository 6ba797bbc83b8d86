import { posix } from 'node:path'
import type { AddInstruction, CopyInstruction } from '../../dockerfile/index.js'
import { BuildError } from '../../errors/index.js'
import { type ModeChange, parseMode } from '../../layer/index.js'
import type { KeyPart } from '../key.js'

/** Where an instruction's files go, and what they are given. */
export interface Placement {
  /** Absolute and clean, but for the slash, or `/.`, at its end which says that it is a directory. */
  readonly destination: string
  readonly chown: string | undefined
  readonly mode: ModeChange | undefined
  readonly isLink: boolean
  readonly key: KeyPart
}

/**
 * @param directory WORKDIR so far
 * @throws {BuildError} DOCKERFILE_INVALID, in Docker's words
 */
export function placementOf(
  { destination: written, chown, chmod, link }: AddInstruction | CopyInstruction,
  directory: string,
): Placement {
  const destination = destinationOf(written, directory)
  const mode = chmod === undefined ? undefined : modeOf(chmod)
  // As BuildKit: what is given modes is no layer of its own.
  const isLink = link && chmod === undefined
  return { destination, chown, mode, isLink, key: { destination, chown, chmod, isLink } }
}

function destinationOf(written: string, directory: string): string {
  const wanted = written === '' || written === '.' ? './' : written
  const path = posix.join('/', wanted.startsWith('/') ? '' : directory, wanted)
  const clean = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return /(?:^|\/)\.?$/.test(wanted) && clean !== '/' ? `${clean}/` : clean
}

function modeOf(chmod: string): ModeChange {
  const mode = parseMode(chmod)
  if (mode !== undefined) return mode
  const message = /^\d/.test(chmod)
    ? `invalid chmod parameter: '${chmod}'. it should be octal string and between 0 and 07777`
    : `invalid chmod parameter: '${chmod}': invalid syntax`
  throw new BuildError(message, { code: 'DOCKERFILE_INVALID', details: { chmod } })
}
