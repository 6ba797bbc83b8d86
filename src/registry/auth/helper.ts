import { AuthError } from '../../errors/index.js'
import { parseObject } from '../failures.js'
import type { RegistryAuth } from '../types.js'

const maxOutputBytes = 1024 * 1024
const timeoutMs = 60_000
const notFound = 'credentials not found in native keychain'
/** The user name of an identity token. */
const tokenUser = '<token>'

/** A program that keeps credentials: `docker-credential-NAME`. */
export interface CredentialHelper {
  /** Undefined when it has none. */
  get(server: string, signal?: AbortSignal): Promise<RegistryAuth | undefined>
  store(server: string, auth: RegistryAuth, signal?: AbortSignal): Promise<void>
  erase(server: string, signal?: AbortSignal): Promise<void>
}

/**
 * @param name of `credsStore` or `credHelpers`
 * @throws {AuthError} `CREDENTIALS_FAILED` for a name that is not part of a file's name; the helper's verbs when it fails
 * @see https://github.com/docker/docker-credential-helpers
 */
export function credentialHelper(name: unknown): CredentialHelper {
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name))
    throw failed('the name of a credential helper in config.json is not one', {})
  const program = `docker-credential-${name}`
  return {
    async get(server, signal) {
      const { code, output } = await run(program, 'get', server, signal)
      if (code !== 0 && output.trim() === notFound) return undefined
      if (code !== 0) throw refused(program, 'get', code)
      const { Username: username, Secret: secret } = parseObject(output) ?? {}
      if (typeof username !== 'string' || typeof secret !== 'string')
        throw failed(`${program} answers get with what are no credentials`, { program })
      if (username === '' && secret === '') return undefined
      return username === tokenUser ? { identityToken: secret } : { username, password: secret }
    },
    async store(server, auth, signal) {
      const { username = '', password = '', identityToken } = auth
      const [Username, Secret] = identityToken ? [tokenUser, identityToken] : [username, password]
      const { code } = await run(program, 'store', JSON.stringify({ ServerURL: server, Username, Secret }), signal)
      if (code !== 0) throw refused(program, 'store', code)
    },
    async erase(server, signal) {
      const { code, output } = await run(program, 'erase', server, signal)
      if (code !== 0 && output.trim() !== notFound) throw refused(program, 'erase', code)
    },
  }
}

interface Ended {
  readonly code: number | string | null
  readonly output: string
}

async function run(program: string, verb: string, input: string, signal: AbortSignal | undefined): Promise<Ended> {
  signal?.throwIfAborted()
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'ignore'] })
    const chunks: Buffer[] = []
    let size = 0
    let failure: unknown
    const stop = (error: unknown) => {
      failure ??= error
      child.kill('SIGKILL')
      // A child of the helper may hold the pipe open.
      child.stdout.destroy()
    }
    const timer = setTimeout(
      () => stop(failed(`${program} ${verb} takes longer than ${timeoutMs / 1000} s`, { program })),
      timeoutMs,
    )
    const onAbort = () => stop(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxOutputBytes) stop(failed(`${program} ${verb} says more than ${maxOutputBytes} bytes`, { program }))
      else chunks.push(chunk)
    })
    // It may end without having read what it is told.
    child.stdin.on('error', () => {}).end(input)
    child.once('error', (error: NodeJS.ErrnoException) => {
      end()
      reject(unusable(program, error))
    })
    child.once('close', (code, killed) => {
      end()
      if (failure !== undefined || signal?.aborted) reject(failure ?? signal?.reason)
      else resolve({ code: code ?? killed, output: Buffer.concat(chunks).toString('utf8') })
    })
  })
}

function unusable(program: string, { code }: NodeJS.ErrnoException): AuthError {
  const why =
    code === 'ENOENT' ? 'is not in PATH: install it, or take it out of config.json' : `cannot be started: ${code}`
  // No cause: the arguments are in it, and its input may be.
  return failed(`the credential helper ${program} ${why}`, { program, errno: code })
}

/** What it says is not told: it may have a secret in it. */
function refused(program: string, verb: string, code: unknown): AuthError {
  const hint = `see what it says: echo REGISTRY | ${program} get`
  return failed(`${program} ${verb} failed (${code}); ${hint}`, { program, exitCode: code, hint })
}

function failed(message: string, details: Record<string, unknown>): AuthError {
  return new AuthError(message, { code: 'CREDENTIALS_FAILED', details })
}
