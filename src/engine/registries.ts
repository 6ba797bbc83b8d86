import type { Registries, RegistriesOptions } from '../registry/types.js'

/** An engine's registries: loaded and opened by the first who needs them, for all who come later. */
export interface LazyRegistries {
  open(): Promise<Registries>
  close(): Promise<void>
}

export function lazyRegistries(options: RegistriesOptions): LazyRegistries {
  let opened: Promise<Registries> | undefined
  return {
    open() {
      // Not at the top: who only starts containers never loads an HTTP client.
      opened ??= import('../registry/index.js').then(({ openRegistries }) => openRegistries(options))
      return opened
    },
    async close() {
      const registries = await opened?.catch(() => undefined)
      await registries?.close()
    },
  }
}
