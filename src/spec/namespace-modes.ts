import { checkText, invalidOption } from './invalid.js'

const prefix = 'container:'

/** The container, by name or id, whose namespace is shared; undefined: none's. Of networks, process ids and IPC. */
export function sharedContainer(mode: string): string | undefined {
  return mode.startsWith(prefix) ? mode.slice(prefix.length) : undefined
}

/**
 * `--pid`: the container's own processes, the host's, or another container's.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parsePidMode(mode: string | undefined): string {
  return parse('pid', 'PID', mode, ['private', 'host'])
}

/**
 * `--ipc`: of its own (`private`, `none` without /dev/shm, or `shareable`), the host's, or another container's.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseIpcMode(mode: string | undefined): string {
  return parse('ipc', 'IPC', mode, ['private', 'none', 'shareable', 'host'])
}

function parse(option: string, name: string, given: string | undefined, modes: readonly string[]): string {
  const mode = given === undefined || given === '' ? 'private' : checkText(option, given)
  if (modes.includes(mode) || (sharedContainer(mode) ?? '') !== '') return mode
  const hint = `give ${modes.map((one) => `'${one}'`).join(', ')} or 'container:NAME'`
  throw invalidOption(option, `--${option}: invalid ${name} mode: ${mode}`, hint, given)
}
