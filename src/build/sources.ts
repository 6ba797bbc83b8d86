import { type BuildContext, openFiles } from './context/index.js'
import type { Filesystem } from './filesystem.js'
import type { BuildHost, FilesystemView } from './host.js'
import type { StepSource } from './steps/step.js'

/** The filesystems that a build copies from: each is opened once, when the first needs a file of it. */
export class Sources {
  readonly #host: BuildHost
  readonly #signal: AbortSignal
  readonly #opened = new Map<string, Promise<{ view: FilesystemView; files: BuildContext }>>()

  constructor(host: BuildHost, signal: AbortSignal) {
    this.#host = host
    this.#signal = signal
  }

  of(filesystem: Filesystem, platform: string): StepSource {
    return { filesystem, files: async () => (await this.#open(filesystem, platform)).files }
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.values()) {
      const source = await opened.catch(() => undefined)
      await source?.files.close()
      await source?.view[Symbol.asyncDispose]()
    }
  }

  #open(filesystem: Filesystem, platform: string) {
    const name = filesystem.layers.at(-1)?.chainId ?? ''
    const opened = this.#opened.get(name) ?? this.#mount(filesystem, platform)
    this.#opened.set(name, opened)
    return opened
  }

  async #mount(filesystem: Filesystem, platform: string) {
    const view = await this.#host.view(filesystem, platform, this.#signal)
    try {
      return { view, files: await openFiles(view.root, { signal: this.#signal }) }
    } catch (error) {
      await view[Symbol.asyncDispose]()
      throw error
    }
  }
}
