import { BuildError } from '../../../src/index.js'

/** What failures are about, by the words of either side; the first that is found. What a pattern captures is kept. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/returned a non-zero code: (\d+)/, 'exit'],
  [/exec: .*: (?:executable file not found|stat .*: no such file)/, 'exit 127'],
  [/exec: .*: permission denied/, 'exit 126'],
  [/invalid (?:from flag value|stage index) (\d+)/, 'no stage'],
  [/registry-1\.docker\.io/, 'asks a registry'],
  [
    /file not found in build context|failed to compute cache key: .* not found|stat \S+: file does not exist/,
    'no such file',
  ],
  [/no source files were specified/, 'no source files'],
  [/forbidden path outside the build context: (\S+)/, 'outside of the context'],
  [/(unknown instruction: \S+)/, ''],
  [/(unknown flag|missing a value on flag|duplicate flag specified): (?:--)?(\w+)/, ''],
  [/(\w+ requires (?:at least|exactly|either|the) .*?(?:arguments?|form))\b/, ''],
  [/(\w+ names can not be blank|\w+ must have two arguments|can't find = in \S+)\./, ''],
  [/(names can not be blank|must have two arguments)/, ''],
  [/(interval "\w+" cannot be less than 1ms)/, ''],
  [/missing unit in duration|invalid duration/, 'invalid duration'],
  [/(--retries) .* \((?:not )?(\S+)\)/, ''],
  [/failed to reach build target (\S+) in|target stage "(\S+)" could not be found/, 'no target'],
  [/(invalid (?:containerport|proto): \S+)/, ''],
  [/cannot be empty|no instructions/, 'no instructions'],
  [/(no build stage in current context|invalid reference format)/, ''],
  [/cannot parse platform|unknown operating system/, 'platform'],
  [/not a directory|cannot copy to non-directory/, 'not a directory'],
  [/(unable to find (?:user|group) [^:\s]+)/, ''],
  [/(can't find [ug]id for (?:user|group) \S+)/, ''],
  [/unexpected eof|unexpected end of file/, 'cut off'],
  [/error processing tar file|the archive entry "\S+" cannot be made/, 'bad entry'],
  [/failed to process "(.*)": (?:missing ':' in|syntax error: missing '}'|unsupported modifier)/, 'bad substitution'],
  [/(?:line \d+: )(.*)/, ''],
]

/** What is compared of a failure: words differ from version to version. */
export function kindOf(message: string): string {
  const text = message.toLowerCase()
  for (const [pattern, kind] of kinds) {
    const found = pattern.exec(text)
    if (found !== null) return [kind, ...found.slice(1)].filter((part) => part).join(' ')
  }
  return text
}

export function failureOf(error: unknown): string {
  if (error instanceof BuildError && error.exitCode !== undefined) return `exit ${error.exitCode}`
  return kindOf(error instanceof Error ? error.message : `${error}`)
}
