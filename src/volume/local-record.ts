import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { InboardError } from '../errors/index.js'
import { localMount } from './local-options.js'

const maxBytes = 64 * 1024

const fileOf = (home: string) => `${home}/opts.json`

/**
 * Keeps a volume's options beside its `_data`, as Docker does: a store that is lost does not turn it into a directory. On the
 * disk before that is there.
 */
export function writeOptions(home: string, options: Readonly<Record<string, string>>): void {
  const aside = `${home}/.opts-${process.pid}`
  try {
    const file = openSync(
      aside,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      writeFileSync(file, JSON.stringify(options))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(aside, fileOf(home))
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}

/** The options that a volume's directory tells of, none of a plain one; undefined when what it tells is none. */
export function readOptions(home: string): Readonly<Record<string, string>> | undefined {
  const text = readSmall(fileOf(home))
  return text === undefined ? {} : parse(text)
}

/** Undefined when there is no such file; '' when it is not one of ours. */
function readSmall(path: string): string | undefined {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(file)
      return stat.isFile() && stat.size <= maxBytes ? readFileSync(file, 'utf8') : ''
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP' || code === 'ENXIO') return ''
    throw error
  }
}

function parse(text: string): Readonly<Record<string, string>> | undefined {
  try {
    const options: unknown = JSON.parse(text)
    if (!isOptions(options)) return undefined
    localMount(options)
    return options
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InboardError) return undefined
    throw error
  }
}

function isOptions(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string')
  )
}
