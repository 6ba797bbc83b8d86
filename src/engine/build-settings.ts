import { readFile } from 'node:fs/promises'
import type { BuildSettings, GivenById, SecretSource, SshSource } from '../build/index.js'
import { InvalidOptionError } from '../errors/index.js'
import { type BuildFiles, download } from './build-files.js'
import type { BuildOptions, SecretInput, SshInput } from './build-options.js'

/** What all steps of a build share, of its options. @throws {InvalidOptionError} */
export async function settingsOf(
  options: BuildOptions,
  files: BuildFiles,
  epoch: number | undefined,
  signal: AbortSignal,
): Promise<BuildSettings> {
  const secrets = (options.secret ?? []).map((secret) => [secret.id, secretOf(secret)] as const)
  const agents = (options.ssh ?? []).map(async (agent) => [agent.id ?? 'default', await agentOf(agent)] as const)
  return {
    secrets: orLent(new Map(secrets), async (id) => {
      const value = await options.lender?.secret?.(id, signal)
      return value && { value }
    }),
    ssh: orLent(new Map(await Promise.all(agents)), (id) => options.lender?.agent?.(id, signal)),
    network: options.network ?? 'default',
    hosts: options.addHost ?? [],
    entitlements: new Set(options.allow ?? []),
    epoch,
    download,
    context: () => files.context(),
    namedContext: (name) => files.named(name),
  }
}

/** What was given counts. */
function orLent<Source>(
  given: ReadonlyMap<string, Source>,
  lend: (id: string) => Promise<Source | undefined> | undefined,
): GivenById<Source> {
  return { size: given.size, get: (id) => given.get(id) ?? lend(id) }
}

function secretOf({ id, value, file, env }: SecretInput): SecretSource {
  if (value !== undefined) return { value: Buffer.from(value) }
  if (file !== undefined) return { file }
  const variable = process.env[env ?? id]
  if (variable !== undefined) return { value: Buffer.from(variable) }
  throw new InvalidOptionError(`the secret ${id} has no value: give value, file or env`, {
    code: 'INVALID_OPTION',
    details: { option: 'secret', id },
  })
}

async function agentOf({ socket, keys }: SshInput): Promise<SshSource> {
  if (keys !== undefined && keys.length > 0) return { keys: await Promise.all(keys.map(keyOf)) }
  const path = socket ?? process.env.SSH_AUTH_SOCK
  if (path !== undefined) return { socket: path }
  throw new InvalidOptionError('there is no ssh agent: set SSH_AUTH_SOCK, or give a socket or keys', {
    code: 'INVALID_OPTION',
    details: { option: 'ssh' },
  })
}

async function keyOf(key: string | Uint8Array): Promise<Uint8Array> {
  if (typeof key !== 'string') return key
  return key.startsWith('-----BEGIN') ? Buffer.from(key) : readFile(key)
}

/** Of the options, else of the environment. @throws {InvalidOptionError} @see https://reproducible-builds.org/specs/source-date-epoch/ */
export function epochOf({ sourceDateEpoch, buildArg = {} }: BuildOptions): number | undefined {
  const given = sourceDateEpoch ?? buildArg.SOURCE_DATE_EPOCH ?? process.env.SOURCE_DATE_EPOCH
  if (given === undefined || given === '') return undefined
  const seconds = Number(given)
  if (Number.isSafeInteger(seconds) && seconds >= 0 && seconds < 2 ** 33) return seconds
  throw new InvalidOptionError(`invalid SOURCE_DATE_EPOCH: ${given}`, {
    code: 'INVALID_OPTION',
    details: { option: 'sourceDateEpoch', value: given },
  })
}
