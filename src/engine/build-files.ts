import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import {
  type BuildContext,
  type ContextOptions,
  isGitUrl,
  isHttpUrl,
  type OpenDownload,
  openDirectory,
  openGit,
  openStream,
  openText,
  openUrl,
} from '../build/context/index.js'
import { InvalidOptionError } from '../errors/index.js'
import type { BuildInput, BuildRequest } from './build-options.js'

/** Places that contexts are opened with. */
export interface FilesPlaces {
  /** Of digests of the files of contexts, kept from build to build. */
  readonly cacheDirectory: string
  /** For what is downloaded or unpacked; gone with the build. */
  readonly temporaryDirectory: string
}

/** Dockerfiles of more than this are refused. */
const maxDockerfileBytes = 16 * 1024 * 1024

/** The files that a build is given: its Dockerfile, and its contexts, each opened when it is first needed. */
export class BuildFiles implements AsyncDisposable {
  readonly #request: BuildRequest
  readonly #places: FilesPlaces
  readonly #signal: AbortSignal
  readonly #onOpened: (name: string) => void
  readonly #opened = new Map<string, Promise<BuildContext>>()

  constructor(request: BuildRequest, places: FilesPlaces, signal: AbortSignal, onOpened: (name: string) => void) {
    this.#request = request
    this.#places = places
    this.#signal = signal
    this.#onOpened = onOpened
  }

  /** The Dockerfile's name as errors have it, and its text. */
  async dockerfile(): Promise<{ file: string; text: Uint8Array | string }> {
    const { dockerfile, file = 'Dockerfile' } = this.#request.options
    if (dockerfile !== undefined) return { file, text: dockerfile }
    const outside = this.#fileOutside()
    if (outside !== undefined) return { file, text: await readHostFile(outside) }
    const context = await this.context()
    return { file, text: await context.readText(this.#fileInside()) }
  }

  /** The main one. */
  context(): Promise<BuildContext> {
    return this.#open('context', () => this.#openMain())
  }

  named(name: string): Promise<BuildContext> | undefined {
    const source = this.#request.options.buildContext?.[name]
    if (source === undefined) return undefined
    return this.#open(`named ${name}`, () => this.#openNamed(source))
  }

  /** Whether the context leaves a path out; undefined also where it would have to be fetched to be asked. */
  async isIgnored(): Promise<((path: string) => boolean) | undefined> {
    const { context } = this.#request
    const isHere = typeof context === 'string' && !isGitUrl(context) && !isHttpUrl(context)
    return isHere || this.#opened.has('context') ? (await this.context()).isIgnored : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.values()) {
      const context = await opened.catch(() => undefined)
      await context?.close()
    }
  }

  #open(name: string, body: () => Promise<BuildContext>): Promise<BuildContext> {
    const opened = this.#opened.get(name) ?? body()
    if (!this.#opened.has(name)) {
      this.#opened.set(name, opened)
      opened.then(
        () => this.#onOpened(name.replace(/^named /, '')),
        () => {},
      )
    }
    return opened
  }

  async #openMain(): Promise<BuildContext> {
    const { context, options } = this.#request
    const { temporaryDirectory } = this.#places
    const signal = this.#signal
    if (context === undefined) return openText(Buffer.from(options.dockerfile ?? ''), { temporaryDirectory, signal })
    const outside = this.#fileOutside()
    // A Dockerfile that is no file of the context has no ignore file there but the one for all.
    const dockerfile = options.dockerfile === undefined && outside === undefined ? this.#fileInside() : ''
    const ignore = outside === undefined ? undefined : await readIgnore(outside)
    return this.#openInput(context, { dockerfile, ignore, signal })
  }

  /** It has no Dockerfile, and only the ignore file for all. */
  #openNamed(source: string): Promise<BuildContext> {
    return this.#openInput(source, { dockerfile: '', signal: this.#signal })
  }

  #openInput(input: BuildInput, options: ContextOptions): Promise<BuildContext> {
    const { temporaryDirectory, cacheDirectory } = this.#places
    const unpacked = { ...options, temporaryDirectory }
    if (typeof input === 'string') {
      if (isGitUrl(input)) return openGit(input, unpacked)
      if (isHttpUrl(input)) return openUrl(input, { ...unpacked, download })
      return openDirectory(resolve(input), { ...options, cacheDirectory })
    }
    if ('git' in input) return openGit(input.git, unpacked)
    return openStream(input instanceof Uint8Array ? bytesOf(input) : input, unpacked)
  }

  /** Of the Dockerfile, in the context. */
  #fileInside(): string {
    const { context, options } = this.#request
    const { file = 'Dockerfile' } = options
    return isAbsolute(file) && typeof context === 'string' ? relative(resolve(context), file) : file
  }

  /** An absolute path that is not in the context. */
  #fileOutside(): string | undefined {
    const { file } = this.#request.options
    if (file === undefined || !isAbsolute(file)) return undefined
    const inside = this.#fileInside()
    return isAbsolute(inside) || inside.startsWith('..') ? file : undefined
  }
}

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

export const download: OpenDownload = async (url, options) => {
  const { openDownload } = await import('../registry/download-url.js')
  return openDownload(url, options)
}

async function readHostFile(path: string): Promise<Buffer> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EISDIR') throw error
    throw new InvalidOptionError(`unable to prepare context: unable to evaluate path to Dockerfile: ${path}`, {
      code: 'INVALID_OPTION',
      details: { option: 'file', path },
    })
  })
  if (text.length <= maxDockerfileBytes) return text
  throw new InvalidOptionError(`${path} is too large for a Dockerfile`, { code: 'INVALID_OPTION', details: { path } })
}

/** `NAME.dockerignore` beside a Dockerfile that is elsewhere. */
async function readIgnore(dockerfile: string): Promise<Buffer | undefined> {
  const path = join(dockerfile, '..', `${dockerfile.split('/').at(-1)}.dockerignore`)
  return existsSync(path) ? readFile(path) : undefined
}
