import { type ChildProcess, spawn } from 'node:child_process'
import { UnsupportedHostError } from '../../errors/index.js'
import { printable } from '../../errors/printable.js'
import { contextUnavailable } from './context-errors.js'

const maxOutputBytes = 64 * 1024

/** What `protocol.allow` may not widen: no `ext::`, no local path. */
const transports = 'http:https:git:ssh'

/** Settings of the host and of the user are not looked at, nor is anything asked for at a terminal. */
const settings = [
  'protocol.allow=never',
  ...transports.split(':').map((name) => `protocol.${name}.allow=always`),
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=true',
  'init.templateDir=',
  'init.defaultBranch=main',
  'gc.auto=0',
  'maintenance.auto=false',
  'http.followRedirects=initial',
  'advice.detachedHead=false',
]

const passedOn = [
  'PATH',
  'SSH_AUTH_SOCK',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'GIT_SSL_CAINFO',
]

export interface GitRun {
  readonly directory: string
  /** Empty: git looks for settings in it. */
  readonly home: string
  readonly url: string
  readonly signal: AbortSignal | undefined
}

/**
 * Runs git with arguments that are not the user's, but behind `--`.
 *
 * @returns what it printed
 * @throws {UnsupportedHostError} when there is no git; {ContextError} CONTEXT_UNAVAILABLE when it fails
 */
export async function runGit({ directory, home, url, signal }: GitRun, args: readonly string[]): Promise<string> {
  signal?.throwIfAborted()
  const child = spawn('git', [...settings.flatMap((one) => ['-c', one]), ...args], {
    cwd: directory,
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: git's helpers are ended with it.
    detached: true,
  })
  const stop = () => kill(child)
  signal?.addEventListener('abort', stop)
  try {
    const { code, stdout, stderr } = await outcome(child)
    signal?.throwIfAborted()
    if (code === 0) return stdout
    const said = printable(stderr.trim().split('\n').slice(-3).join(' '), 500)
    throw contextUnavailable(`git ${args[0]} of ${url} failed: ${said}`, { url, output: said, exitCode: code })
  } finally {
    signal?.removeEventListener('abort', stop)
    kill(child)
  }
}

function environment(home: string): Record<string, string> {
  const passed = passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  return {
    ...Object.fromEntries(passed),
    HOME: home,
    XDG_CONFIG_HOME: home,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ALLOW_PROTOCOL: transports,
  }
}

function outcome(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] = (texts[name] + text).slice(-maxOutputBytes)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? noGit(error) : error))
    child.once('close', (code) => resolve({ code, ...texts }))
  })
}

function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function noGit(cause: unknown): UnsupportedHostError {
  const hint = 'apt-get install -y git'
  return new UnsupportedHostError(`A git repository as build context needs the program git. To mend it: ${hint}`, {
    code: 'UNSUPPORTED_HOST',
    cause,
    details: { feature: 'git', hint },
  })
}
