import { readFileSync } from 'node:fs'
import { InvalidOptionError } from '../errors/index.js'

/** What is in files of variables, by path. @throws {InvalidOptionError} INVALID_OPTION for one that cannot be read */
export function readEnvFiles(files: string | readonly string[] | undefined): ReadonlyMap<string, string> {
  const contents = new Map<string, string>()
  for (const file of files === undefined ? [] : [files].flat()) {
    try {
      contents.set(file, readFileSync(file, 'utf8'))
    } catch (cause) {
      throw new InvalidOptionError(`open ${file}: ${(cause as Error).message}: the env file cannot be read`, {
        code: 'INVALID_OPTION',
        cause,
        details: { option: 'envFile', path: file },
      })
    }
  }
  return contents
}
