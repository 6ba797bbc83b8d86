import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { LaunchError } from '../errors/index.js'
import type { Mount } from '../spec/types.js'
import { type FailedFrame, operationNames } from './protocol.gen.js'
import type { LaunchPlan } from './run-plan.js'

const texts = getSystemErrorMap()
// libuv has no name for some, such as ENOEXEC.
const errnoNames = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, { name, text: texts.get(-number)?.[1] ?? name }]),
)
// Nor has Node of what a bridge says that has no room for another interface.
errnoNames.set(54, { name: 'EXFULL', text: 'exchange full' })

/** A system error's name, and what it says. */
export function systemErrorOf(errno: number): { readonly name: string; readonly text: string } {
  return errnoNames.get(errno) ?? { name: `errno ${errno}`, text: 'unknown error' }
}

const sectionNames = [
  '',
  'preparing',
  'making its cgroups and network',
  "setting up the container's process",
  'checking its health',
  'monitoring',
  'ending',
  'tearing down',
]

/**
 * A failed step as an error with Docker's exit code: a program that is not there is 127, one that cannot be executed 126,
 * everything else 125.
 */
export function launchError(
  failure: FailedFrame,
  { steps, mounts }: Pick<LaunchPlan, 'steps' | 'mounts'>,
  what: string,
): LaunchError {
  const operation = steps[failure.step] ?? operationNames[failure.opcode] ?? 'plan'
  const { name, text } = systemErrorOf(failure.errno)
  const details = { step: failure.step, operation, errno: failure.errno, syscallError: name, path: failure.text, what }
  if (operation === 'execute') return programError(failure, name, text, details)
  const mount = mounts?.get(failure.step)
  if (mount) return mountError(mount, text, details)
  const stage = sectionNames[failure.section] ?? 'starting'
  return new LaunchError(
    `${what}: step ${failure.step} (${operation}) failed while ${stage}: ${name}: ${text}${failure.text ? `, '${failure.text}'` : ''}`,
    { code: 'LAUNCH_FAILED', details: { ...details, exitCode: 125 } },
  )
}

interface Failed {
  readonly operation: string
  readonly syscallError: string
  readonly what: string
}

function mountError(mount: Mount, text: string, details: Failed): LaunchError {
  const { source, subpath, destination } = mount
  const { operation, what } = details
  const why =
    operation === 'tree_open'
      ? `cannot access path ${JSON.stringify(subpath ? `${source}/${subpath}` : source)}: ${text}${sourceHints[details.syscallError] ?? ''}`
      : `${text}${targetHints[details.syscallError] ?? ''}`
  return new LaunchError(
    `${what}: error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(destination)}: ${why}`,
    {
      code: 'LAUNCH_FAILED',
      details: { ...details, source, destination, ...(subpath && { subpath }), exitCode: 125 },
    },
  )
}

const sourceHints: Readonly<Record<string, string>> = {
  ENOENT: ': it has to be there before the container is started',
  ELOOP: ': its symlinks lead in a circle, or to what only a process can open',
}
const targetHints: Readonly<Record<string, string>> = {
  ENOTDIR: ': a directory can only be mounted on a directory, and a file on a file',
  EROFS: ': the place of the mount is missing, and cannot be made in what is mounted read-only above it',
  EXDEV: ': the place of the mount leads into /proc',
}

function programError(failure: FailedFrame, name: string, text: string, details: Record<string, unknown>): LaunchError {
  const program = failure.text
  if (name === 'ENOENT') {
    const why = program.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH'
    return new LaunchError(
      `exec: "${program}": ${why}: the image has no such program (or not its interpreter); check the command and the image's PATH`,
      { code: 'PROGRAM_NOT_FOUND', details: { ...details, exitCode: 127 } },
    )
  }
  const why = name === 'EACCES' ? 'permission denied' : name === 'ENOEXEC' ? 'exec format error' : text
  return new LaunchError(
    `exec: "${program}": ${why}: the file is there, but cannot be executed by this user on this machine`,
    {
      code: 'PROGRAM_NOT_EXECUTABLE',
      details: { ...details, exitCode: 126 },
    },
  )
}

/** The supervisor went without saying why: it was killed, or never ran. */
export function supervisorLost(what: string): LaunchError {
  return new LaunchError(
    `${what}: the supervisor ended before the program was started; it was killed, or is out of memory`,
    {
      code: 'LAUNCH_FAILED',
      details: { exitCode: 125, what },
    },
  )
}
