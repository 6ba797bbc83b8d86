import { randomBytes } from 'node:crypto'
import type { RunBuilder } from '../container/run-builder.js'
import { InvalidOptionError } from '../errors/index.js'
import type { RunOptions } from '../spec/options.js'
import type { ServicePreset, Settled } from './preset.js'
import { type RunningService, running } from './running.js'
import { runOptions, type StartOptions } from './start-options.js'

/** What runs containers: an engine, or a scope. */
export interface ServiceRunner {
  run(image: string, command?: readonly string[], options?: RunOptions & { signal?: AbortSignal }): RunBuilder
}

/** Runs what a preset says. */
export async function startService<Own extends object>(
  preset: ServicePreset<Own>,
  from: ServiceRunner,
  options: StartOptions,
): Promise<RunningService<Own>> {
  const credentials = settled(preset, options.reuse !== undefined)
  const { env, ...rest } = options
  const run = from
    .run(preset.image, preset.command?.(credentials), runOptions(preset, rest))
    .env(preset.env?.(credentials) ?? {})
    .env(env ?? {})
  return running(preset, credentials, run, options)
}

/** Makes up what was left to it. */
function settled<Own extends object>({ name, credentials }: ServicePreset<Own>, isReused: boolean): Settled<Own> {
  if (isReused && Object.values(credentials).includes(undefined))
    throw new InvalidOptionError(
      `invalid option "reuse": the next one to ask for ${name} finds it by its options, and a random password is another each time: give one`,
      { code: 'INVALID_OPTION', details: { option: 'reuse' } },
    )
  const known = Object.entries(credentials).map(([name, value]) => [name, value ?? randomBytes(16).toString('hex')])
  return Object.fromEntries(known) as Settled<Own>
}
