import { sortAnnotations } from '../build/export/annotations.js'
import { parseReference } from '../reference/reference.js'
import { checkText, invalidOption } from '../spec/invalid.js'
import type { BuildOptions, OutputInput } from './build-options.js'

/** What is to become of the result. @throws {InvalidOptionError} INVALID_OPTION */
export function verifyOutput({ output, platform, squash, iidfile, tag, annotation }: BuildOptions): void {
  const isSeveral = new Set([platform ?? []].flat()).size > 1
  if (sortAnnotations(annotation ?? {}).index !== undefined && !hasIndex(output, isSeveral))
    throw invalidOption(
      'annotation',
      'index annotations not supported for single platform export',
      "use an output of type 'oci', or push several platforms",
    )
  if (squash === true && isSeveral)
    throw invalidOption('squash', 'squash is only done for one platform', 'build one after the other', platform)
  if (output === undefined) return
  verifyTarget(output)
  if (output.type === 'image') verifyNames(output.name, tag, output.push)
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

function hasIndex(output: OutputInput | undefined, isSeveral: boolean): boolean {
  if (output?.type === 'image') return output.push === true && isSeveral
  return output?.type === 'oci' || output?.type === 'docker'
}

function verifyNames(name: string | readonly string[] | undefined, tag: BuildOptions['tag'], push = false): void {
  const names = [name ?? [], tag ?? []].flat()
  for (const each of names) parseReference(checkText('output', each))
  if (push && names.length === 0)
    throw invalidOption('output', 'tag is needed when pushing to registry', 'give a name, or tags')
}

const types = ['local', 'tar', 'oci', 'docker', 'image']

function verifyTarget(output: OutputInput): void {
  const { type } = output
  if (!types.includes(type))
    throw invalidOption('output', `unsupported output type ${type}`, `use one of ${types.join(', ')}`, type)
  if (output.type === 'image') return
  const { dest } = output
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
