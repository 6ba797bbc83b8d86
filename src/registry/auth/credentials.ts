import { homedir } from 'node:os'
import { join } from 'node:path'
import { isObject } from '../failures.js'
import type { Environment } from '../hosts/proxies.js'
import type { RegistriesOptions, RegistryAuth } from '../types.js'
import { authOf, type ConfigDocument, entryOf, readConfig, updateConfig } from './config-file.js'
import { type CredentialHelper, credentialHelper } from './helper.js'
import { hostOfKey, serverAddress, serverAddresses } from './registry-name.js'

/** Credentials of registries, where Docker has them: in `config.json`, or with the helpers it names. */
export interface Credentials {
  /** Undefined when there are none. What was found is kept for a minute. @throws {AuthError} `CREDENTIALS_FAILED` */
  lookup(registry: string, signal?: AbortSignal): Promise<RegistryAuth | undefined>
  /** Has the next lookup read them anew. */
  forget(registry: string): void
  store(registry: string, auth: RegistryAuth, signal?: AbortSignal): Promise<void>
  erase(registry: string, signal?: AbortSignal): Promise<void>
}

const keptMs = 60_000

export function openCredentials(
  { dockerConfigDirectory }: Pick<RegistriesOptions, 'dockerConfigDirectory'>,
  env: Environment = process.env,
): Credentials {
  const directory = dockerConfigDirectory || env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker')
  const kept = new Map<string, { readonly auth: RegistryAuth | undefined; readonly until: number }>()

  const read = async (registry: string, signal?: AbortSignal) => {
    const document = await readConfig(directory)
    const helper = helperOf(document, registry)
    return helper ? helper.get(serverAddress(registry), signal) : authOf(document, serverAddresses(registry))
  }

  const change = async (registry: string, entry: ConfigDocument | undefined, signal?: AbortSignal) => {
    await updateConfig(directory, (document) => withEntry(document, registry, entry), signal)
    kept.delete(registry)
  }

  return {
    async lookup(registry, signal) {
      const known = kept.get(registry)
      if (known && known.until > performance.now()) return known.auth
      const auth = await read(registry, signal)
      kept.set(registry, { auth, until: performance.now() + keptMs })
      return auth
    },
    forget: (registry) => kept.delete(registry),
    async store(registry, auth, signal) {
      const helper = helperOf(await readConfig(directory), registry)
      await helper?.store(serverAddress(registry), auth, signal)
      // With a helper the file only says that there are credentials.
      await change(registry, helper ? {} : entryOf(auth), signal)
    },
    async erase(registry, signal) {
      const document = await readConfig(directory)
      await helperOf(document, registry)?.erase(serverAddress(registry), signal)
      if (keysOf(document, registry).length > 0) await change(registry, undefined, signal)
      kept.delete(registry)
    },
  }
}

function helperOf({ credHelpers, credsStore }: ConfigDocument, registry: string): CredentialHelper | undefined {
  const helpers = isObject(credHelpers) ? credHelpers : {}
  const address = serverAddresses(registry).find((key) => Object.hasOwn(helpers, key))
  const name = address === undefined ? credsStore : helpers[address]
  return name === undefined || name === '' ? undefined : credentialHelper(name)
}

/** All keys that are a registry's. */
function keysOf({ auths }: ConfigDocument, registry: string): string[] {
  const addresses = serverAddresses(registry)
  return Object.keys(isObject(auths) ? auths : {}).filter(
    (key) => addresses.includes(key) || addresses.includes(hostOfKey(key)),
  )
}

function withEntry(document: ConfigDocument, registry: string, entry: ConfigDocument | undefined): ConfigDocument {
  const own = keysOf(document, registry)
  const others = Object.entries(isObject(document.auths) ? document.auths : {}).filter(([key]) => !own.includes(key))
  return { ...document, auths: Object.fromEntries([...others, ...(entry ? [[serverAddress(registry), entry]] : [])]) }
}
