import { checkText, invalidOption } from '../spec/invalid.js'
import type { BuildOptions, OutputInput } from './build-options.js'

/** What is to become of the result. @throws {InvalidOptionError} INVALID_OPTION */
export function verifyOutput({ output, platform, squash, iidfile }: BuildOptions): void {
  const isSeveral = new Set([platform ?? []].flat()).size > 1
  if (squash === true && isSeveral)
    throw invalidOption('squash', 'squash is only done for one platform', 'build one after the other', platform)
  if (output === undefined) return
  verifyTarget(output)
  if (iidfile !== undefined && (output.type === 'local' || output.type === 'tar'))
    throw invalidOption('iidfile', `an output of type ${output.type} has no image ID`, 'leave iidfile out', iidfile)
  if (output.type === 'docker' && isSeveral)
    throw invalidOption(
      'output',
      'an archive for docker has one platform',
      "use type 'oci', or build one after the other",
      output.type,
    )
}

const types = ['local', 'tar', 'oci', 'docker']

function verifyTarget(output: OutputInput): void {
  const { type, dest } = output
  if (!types.includes(type))
    throw invalidOption('output', `unsupported output type ${type}`, `use one of ${types.join(', ')}`, type)
  const isDirectory = type === 'local' || (type === 'oci' && output.tar === false)
  if (typeof dest === 'string' ? checkText('output', dest) !== '' : !isDirectory && isWritable(dest)) return
  const hint = isDirectory ? 'give the path of a directory' : 'give a path, or a stream to write to'
  throw invalidOption(
    'output',
    `dest is required for ${type} output`,
    hint,
    typeof dest === 'string' ? dest : undefined,
  )
}

const isWritable = (dest: unknown) =>
  typeof dest === 'object' && dest !== null && 'write' in dest && typeof dest.write === 'function'
