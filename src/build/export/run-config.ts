import type { ImageRunConfig } from '../../spec/options.js'

/** In the order of the OCI image specification; what only Docker has comes last. */
const fields: readonly (keyof ImageRunConfig)[] = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'StopTimeout',
  'Healthcheck',
  'Shell',
  'OnBuild',
]

const maps: ReadonlySet<string> = new Set(['ExposedPorts', 'Volumes', 'Labels'])

/** A configuration in the form that says the same with the same bytes, whatever order its instructions came in. */
export function orderedConfig(config: ImageRunConfig, labels: Readonly<Record<string, string>>): ImageRunConfig {
  const all = { ...config.Labels, ...labels }
  const merged = { ...config, ...(Object.keys(all).length > 0 && { Labels: all }) }
  const entries = fields.flatMap((field) => {
    const value = merged[field]
    if (value === undefined || value === null) return []
    return [[field, maps.has(field) ? sorted(value as object) : value]]
  })
  return Object.fromEntries(entries) as ImageRunConfig
}

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}
