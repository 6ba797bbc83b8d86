import { chmodSync, mkdirSync, statSync } from 'node:fs'

/**
 * Makes `home` with `_data` in it, as they are in Docker whatever the umask is: programs in containers have other users. Its
 * mode comes last: one who was killed before that is made up for.
 */
export function makeVolumeDirectory(home: string): void {
  const data = `${home}/_data`
  makeDirectory(home, 0o700)
  const isNew = makeDirectory(data, 0o700)
  if (!isNew && (statSync(home).mode & 0o777) === 0o701) return
  chmodSync(data, 0o755)
  chmodSync(home, 0o701)
}

/** False when it is there. */
export function makeDirectory(path: string, mode: number): boolean {
  try {
    mkdirSync(path, mode)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}
