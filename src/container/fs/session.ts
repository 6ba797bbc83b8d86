import { reporting } from '../../errors/system.js'
import { openContainerTree } from '../container-tree.js'
import type { ContainerContext } from '../context.js'
import { type FileCall, fileError } from './failures.js'
import { FileTree } from './file-tree.js'
import { leaveTree } from './lingering.js'

export interface OfContainer {
  readonly id: string
  readonly name: string
}

/** Runs `body` with a container's files as its programs see them; what fails in it is told of the paths that were given. */
export async function withFiles<Result>(
  context: ContainerContext,
  { id, name }: OfContainer,
  call: Omit<FileCall, 'container'>,
  signal: AbortSignal | undefined,
  body: (tree: FileTree, stop: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const work = async (stop: AbortSignal) => {
    const tree = await openContainerTree(context, id, stop)
    try {
      return await body(new FileTree(tree.root), stop)
    } catch (error) {
      throw fileError(error, { ...call, container: name })
    } finally {
      await leaveTree(context, id, tree)
    }
  }
  return reporting(`cannot reach the files of container ${name}`, () => context.working(signal, work))
}
