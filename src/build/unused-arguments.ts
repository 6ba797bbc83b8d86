import type { Dockerfile } from '../dockerfile/index.js'

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']
const known: ReadonlySet<string> = new Set([
  ...proxies,
  ...proxies.map((name) => name.toLowerCase()),
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_SYNTAX',
  'SOURCE_DATE_EPOCH',
])

/** Names of build arguments that no ARG of the file declares: most likely they are misspelt. */
export function unusedArguments({ metaArgs, stages }: Dockerfile, given: Iterable<string>): string[] {
  const instructions = [...metaArgs, ...stages.flatMap((stage) => stage.instructions)]
  const declared = new Set(instructions.flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])))
  return [...given].filter((name) => !declared.has(name) && !known.has(name)).sort()
}
