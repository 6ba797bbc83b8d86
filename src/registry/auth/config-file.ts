import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AuthError } from '../../errors/index.js'
import { reporting } from '../../errors/system.js'
import { isObject, parseObject } from '../failures.js'
import type { RegistryAuth } from '../types.js'
import { lockFile } from './file-lock.js'
import { hostOfKey } from './registry-name.js'

/** Docker's `config.json`, with all that others have written into it. */
export type ConfigDocument = Record<string, unknown>

function configPath(directory: string): string {
  return join(directory, 'config.json')
}

/** Empty when there is none. @throws {AuthError} `CREDENTIALS_FAILED` when it is not JSON */
export async function readConfig(directory: string): Promise<ConfigDocument> {
  const path = configPath(directory)
  const text = await reporting('cannot read the credentials', () => readFile(path, 'utf8')).catch((error) => {
    if (/^(ENOENT|ENOTDIR)$/.test(String(error.details?.errno))) return '{}'
    throw error
  })
  const document = text.trim() === '' ? {} : parseObject(text)
  if (document) return document
  // No cause: a SyntaxError quotes the text.
  throw new AuthError(`${path} is not a JSON object`, { code: 'CREDENTIALS_FAILED', details: { path } })
}

/** Changes the file: its other fields stay, other writers wait, readers see the one or the other. Its mode becomes 0600. */
export async function updateConfig(
  directory: string,
  change: (document: ConfigDocument) => ConfigDocument,
  signal: AbortSignal | undefined,
): Promise<void> {
  await reporting('cannot write the credentials', async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    // The file may be a link to where somebody keeps it.
    const path = await realpath(configPath(directory)).catch(() => configPath(directory))
    const unlock = await lockFile(`${path}.inboard-lock`, signal)
    try {
      const document = change(await readConfig(directory))
      await publish(path, `${JSON.stringify(document, undefined, '\t')}\n`)
    } finally {
      await unlock()
    }
  })
}

async function publish(path: string, text: string): Promise<void> {
  const aside = join(dirname(path), `.config.json-${process.pid}-${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(aside, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    const before = await stat(path).catch(() => undefined)
    // Root may write the file of somebody who used sudo.
    if (before) await chown(aside, before.uid, before.gid).catch(() => {})
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}

/** What the file itself has for a registry: by one of its keys, or by one that is a URL with the same host. */
export function authOf(document: ConfigDocument, addresses: readonly string[]): RegistryAuth | undefined {
  const auths = isObject(document.auths) ? document.auths : {}
  const exact = addresses.find((address) => Object.hasOwn(auths, address))
  const key = exact ?? Object.keys(auths).find((other) => addresses.includes(hostOfKey(other)))
  const entry = key === undefined ? undefined : auths[key]
  return isObject(entry) ? parseEntry(entry, key ?? '') : undefined
}

function parseEntry(entry: Record<string, unknown>, key: string): RegistryAuth | undefined {
  const text = (name: string) => (typeof entry[name] === 'string' && entry[name] !== '' ? entry[name] : undefined)
  const pair = text('auth')
  const login = pair === undefined ? { username: text('username'), password: text('password') } : parsePair(pair, key)
  const found = { ...login, identityToken: text('identitytoken'), registryToken: text('registrytoken') }
  const given = Object.entries(found).filter(([, value]) => value !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

function parsePair(auth: string, key: string): Pick<RegistryAuth, 'username' | 'password'> {
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon >= 0) return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
  throw new AuthError(`the entry of ${hostOfKey(key)} in config.json is not base64 of a user name and a password`, {
    code: 'CREDENTIALS_FAILED',
    details: { registry: hostOfKey(key) },
  })
}

/** An entry as Docker writes it. */
export function entryOf({ username = '', password = '', identityToken, registryToken }: RegistryAuth): ConfigDocument {
  const auth = Buffer.from(`${username}:${identityToken ? '' : password}`).toString('base64')
  return {
    auth,
    ...(identityToken && { identitytoken: identityToken }),
    ...(registryToken && { registrytoken: registryToken }),
  }
}
