import type { AddInstruction } from '../../dockerfile/index.js'
import { BuildError } from '../../errors/index.js'
import { isHttpUrl } from '../context/index.js'
import { addedArchives } from '../files/archives.js'
import { type Copied, copiedOf, copiedTexts } from '../files/copied.js'
import { downloaded, quickDownloadKey } from '../files/downloaded.js'
import { historyOf } from '../files/history.js'
import { place } from '../files/place.js'
import { placementOf } from '../files/placement.js'
import { checkedOut, isRepository, quickCheckoutKey } from '../files/repository.js'
import type { KeyPart } from '../key.js'
import type { FilesystemStep, StepContext } from './step.js'

/** Sources of one kind that follow each other. */
type Group =
  | { readonly kind: 'local'; readonly paths: string[] }
  | { readonly kind: 'git' | 'url'; readonly url: string }

/**
 * What ADD does: what is in the context is copied, and extracted where it is an archive; URLs are downloaded, git repositories
 * checked out.
 *
 * @throws {BuildError} DOCKERFILE_INVALID, in Docker's words
 */
export function addStep(instruction: AddInstruction, context: StepContext): FilesystemStep {
  const placement = placementOf(instruction, context.state.draft.config.WorkingDir ?? '/')
  const groups = groupsOf(instruction)
  verifyChecksum(instruction, groups)
  const fetched: Copied[] = []
  let reading: Promise<readonly Copied[]> | undefined
  const read = () => {
    reading ??= readGroups(instruction, groups, context, fetched)
    return reading
  }
  const { exclude, unpack, keepGitDir } = instruction
  const key = { placement: placement.key, exclude, unpack, keepGitDir, texts: copiedTexts(instruction.sources).key }
  const quick = groups.map((group) => quickKeyOf(group, instruction))
  return {
    kind: 'add',
    createdBy: historyOf(instruction),
    ...(quick.every((part) => part !== undefined) && { quickKey: { ...key, quick } }),
    key: async () => ({ ...key, copied: (await read()).map((copied) => copied.key) }),
    execute: async (workspace) => place(workspace, placement, await read(), context.signal),
    dispose: async () => {
      for (const one of fetched) await one.dispose()
    },
  }
}

function groupsOf({ sources }: AddInstruction): Group[] {
  const groups: Group[] = []
  for (const source of sources) {
    if (source.kind !== 'path') continue
    const { path } = source
    const last = groups.at(-1)
    if (isRepository(path)) groups.push({ kind: 'git', url: path })
    else if (isHttpUrl(path)) groups.push({ kind: 'url', url: path })
    else if (last?.kind === 'local') last.paths.push(path)
    else groups.push({ kind: 'local', paths: [path] })
  }
  return groups
}

function verifyChecksum({ checksum, sources }: AddInstruction, groups: readonly Group[]): void {
  if (checksum === undefined) return
  if (sources.length !== 1) throw refused("checksum can't be specified for multiple sources")
  if (groups[0]?.kind !== 'url' && groups[0]?.kind !== 'git') throw refused('checksum requires HTTP(S) or Git sources')
}

function quickKeyOf(group: Group, { checksum, keepGitDir }: AddInstruction): KeyPart {
  if (group.kind === 'url') return quickDownloadKey(group.url, checksum)
  return group.kind === 'git' ? quickCheckoutKey(group.url, keepGitDir) : undefined
}

async function readGroups(
  instruction: AddInstruction,
  groups: readonly Group[],
  context: StepContext,
  fetched: Copied[],
): Promise<readonly Copied[]> {
  for (const group of groups) fetched.push(await readGroup(group, instruction, context))
  return [...fetched, copiedTexts(instruction.sources)]
}

async function readGroup(group: Group, instruction: AddInstruction, context: StepContext): Promise<Copied> {
  const { exclude, checksum, keepGitDir, unpack } = instruction
  const { settings, host, signal } = context
  const options = { temporaryDirectory: host.unpacked, download: settings.download, checksum, signal }
  switch (group.kind) {
    case 'url':
      return downloaded(group.url, { ...options, unpack: unpack === true })
    case 'git':
      return checkedOut(group.url, { ...options, keepGitDir, exclude })
    case 'local': {
      const files = await (await context.source(undefined)).files()
      const copied = await copiedOf(files, group.paths, { exclude })
      return unpack === false ? copied : addedArchives(files, copied)
    }
    default:
      throw new Error(`unreachable: ${group satisfies never}`)
  }
}

function refused(message: string): BuildError {
  return new BuildError(message, { code: 'DOCKERFILE_INVALID' })
}
