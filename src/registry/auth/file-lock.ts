import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { AuthError } from '../../errors/index.js'
import { pause } from '../pause.js'

const pollMs = 10
const patienceMs = 10_000

/**
 * Takes a lock that is a file with the number of its holder. One whose holder is gone is taken over.
 *
 * @returns lets it go
 * @throws {AuthError} `CREDENTIALS_FAILED` when somebody holds it for 10 s
 */
export async function lockFile(path: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  const aside = `${path}-${process.pid}-${randomBytes(6).toString('hex')}`
  await writeFile(aside, String(process.pid), { mode: 0o600, flag: 'wx' })
  try {
    const deadline = performance.now() + patienceMs
    while (!(await acquired(aside, path))) {
      await removeDead(path)
      if (performance.now() > deadline) throw held(path)
      await pause(pollMs * (1 + Math.random()), signal)
    }
  } finally {
    await rm(aside, { force: true })
  }
  return () => rm(path, { force: true })
}

/** The file is linked with its content: nobody sees it without its holder. */
async function acquired(aside: string, path: string): Promise<boolean> {
  try {
    await link(aside, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function removeDead(path: string): Promise<void> {
  const before = await stat(path).catch(() => undefined)
  const holder = await readFile(path, 'utf8').catch(() => undefined)
  if (!before || holder === undefined || existsSync(`/proc/${Number(holder) || 0}`)) return
  const away = `${path}-${process.pid}-${randomBytes(6).toString('hex')}`
  await rename(path, away).catch(() => {})
  // Another one may have removed the dead one's and taken the lock since: it is given back.
  const moved = await stat(away).catch(() => undefined)
  if (moved && moved.ino !== before.ino) await link(away, path).catch(() => {})
  await rm(away, { force: true })
}

function held(path: string): AuthError {
  return new AuthError(`another process holds ${path} for more than ${patienceMs / 1000} s`, {
    code: 'CREDENTIALS_FAILED',
    details: { path },
  })
}
