import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { LocalDriver } from './local-driver.js'

/** A mount of the calling process's namespace. */
export interface FoundMount {
  readonly target: string
  readonly options: readonly string[]
  /** `shared:1`, `master:2`, ... */
  readonly propagation: readonly string[]
  readonly type: string
  readonly source: string
}

/** All mounts below a directory, first mounted first. */
export function mountsBelow(directory: string): FoundMount[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  const mounts = lines.map((line) => {
    const [place = '', device = ''] = line.split(' - ')
    const [, , , , target = '', options = '', ...propagation] = place.split(' ')
    const [type = '', source = ''] = device.split(' ')
    return { target, options: options.split(','), propagation, type, source }
  })
  return mounts.filter(({ target }) => target.startsWith(`${directory}/`))
}

/** A directory of a test's own: nothing in it stays mounted, and it goes, whatever the test has done. */
export function mountDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'inboard-local-'))
  onTestFinished(() => {
    for (const { target } of mountsBelow(directory).reverse()) {
      execFileSync('mount', ['--make-private', target])
      execFileSync('umount', ['--lazy', target])
    }
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** Keeps the books that the engine keeps for a driver: which volumes there are, and who has them mounted. */
export class LocalVolumes {
  readonly directory: string
  readonly driver: LocalDriver
  readonly #options = new Map<string, Readonly<Record<string, string>>>()
  readonly #uses = new Map<string, Set<string>>()

  constructor(parent: string) {
    this.directory = join(parent, 'volumes')
    mkdirSync(this.directory, { recursive: true })
    this.driver = new LocalDriver({
      directory: this.directory,
      optionsOf: (name) => this.#options.get(name) ?? {},
      othersUse: (name, id) => [...this.#usesOf(name)].some((use) => use !== id),
    })
  }

  data(name: string): string {
    return `${this.directory}/${name}/_data`
  }

  async create(name: string, options: Readonly<Record<string, string>>): Promise<void> {
    await this.driver.create(name, options, { signal: never })
    this.#options.set(name, options)
  }

  async mount(name: string, id: string, signal = never): Promise<string> {
    this.#usesOf(name).add(id)
    return this.driver.mount(name, id, { signal })
  }

  async unmount(name: string, id: string): Promise<void> {
    await this.driver.unmount(name, id, { signal: never })
    this.#usesOf(name).delete(id)
  }

  /** What is mounted where the volume's files are. */
  mounted(name: string): FoundMount[] {
    return mountsBelow(this.directory).filter(({ target }) => target === this.data(name))
  }

  #usesOf(name: string): Set<string> {
    const uses = this.#uses.get(name) ?? new Set()
    this.#uses.set(name, uses)
    return uses
  }
}

const never = new AbortController().signal

/** A sparse file with a filesystem, made by the host's mkfs. */
export function makeImage(path: string, type: string, megabytes: number): string {
  writeFileSync(path, '')
  truncateSync(path, megabytes * 2 ** 20)
  execFileSync(`mkfs.${type}`, ['-q', path])
  return path
}

/** The loop devices over a file. */
export function loopsOver(path: string): string[] {
  const text = execFileSync('losetup', ['--noheadings', '--output', 'NAME', '--associated', path], { encoding: 'utf8' })
  return text.split('\n').filter((line) => line !== '')
}

/**
 * Whoever makes a mount namespace of the host's, as any start of a container does, has all mounts for a moment: what is
 * unmounted meanwhile goes a moment later.
 */
export async function noLoopsOver(path: string): Promise<void> {
  await expect.poll(() => loopsOver(path), { timeout: 10_000 }).toEqual([])
}
