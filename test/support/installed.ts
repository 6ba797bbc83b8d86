import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Whether PATH has all of these programs. */
export function installed(...programs: readonly string[]): boolean {
  const directories = (process.env.PATH ?? '').split(':')
  return programs.every((program) => directories.some((directory) => existsSync(join(directory, program))))
}
