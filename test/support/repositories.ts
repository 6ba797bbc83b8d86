import { openRegistries } from '../../src/registry/index.js'
import type { RepositoryTuning } from '../../src/registry/repository-request.js'
import type { Registries, RegistriesOptions, Repository } from '../../src/registry/types.js'
import type { ScriptedRegistry } from './scripted-registry.js'

/** A test does not wait as long as a user would. */
export const quick = { attempts: 3, firstDelayMs: 1, bodyTimeoutMs: 300 }

/** Registries that nobody has logged in to; their connections end with their servers. */
export function registriesFor(
  tuning: RepositoryTuning = {},
  registries: RegistriesOptions['registries'] = {},
): Registries & AsyncDisposable {
  const options = { registries, dockerConfigDirectory: '/nonexistent', certificatesDirectory: '/nonexistent' }
  const opened = openRegistries(options, { ...quick, ...tuning, env: {} })
  return { ...opened, [Symbol.asyncDispose]: opened.close }
}

/** A repository of a scripted registry. */
export function repositoryOf(
  registry: ScriptedRegistry,
  path = 'library/x',
  tuning: RepositoryTuning = {},
): Repository {
  return registriesFor(tuning).repository({ domain: registry.host, path })
}
