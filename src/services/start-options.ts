import type { RunOptions } from '../spec/options.js'
import type { ServicePreset } from './preset.js'

/** Options of a service's start: of `docker run`, over those of its preset. */
export interface StartOptions extends Omit<RunOptions, 'publish'> {
  /** As `docker run`'s; `true`: its port, at a free one of 127.0.0.1, and `host` and `port` are that. Default: not at all. */
  readonly publish?: boolean | NonNullable<RunOptions['publish']>
  /** How long it may take to become ready, in ms. Default 60 000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Options of `docker run`. Nobody else's are asked for where it outlives this process. */
export function runOptions(
  { port }: Pick<ServicePreset, 'port'>,
  { publish, timeoutMs, ...options }: StartOptions,
): RunOptions & { readonly signal?: AbortSignal } {
  const outlives = options.reuse !== undefined || options.restart !== undefined
  return {
    ephemeral: !outlives,
    ...options,
    ...(publish === true && { publish: [`127.0.0.1::${port}`] }),
    ...(typeof publish === 'object' && { publish }),
  }
}
