import type { BuildOptions } from './build-options.js'

/** The values of ARGs, with that of `SOURCE_DATE_EPOCH` where there is one. What has no value was not given. */
export function buildArgsOf({ buildArg = {} }: BuildOptions, epoch: number | undefined): Record<string, string> {
  const given = Object.entries(buildArg).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...(epoch !== undefined && { SOURCE_DATE_EPOCH: String(epoch) }), ...Object.fromEntries(given) }
}
