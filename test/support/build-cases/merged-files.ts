import { posix } from 'node:path'
import type { Header } from 'tar-stream'

/** A file of an image; one that has several names is there under each of them. */
export interface FileNode {
  readonly header: Header
  readonly content: Buffer
}

const whiteout = '.wh.'
const opaque = '.wh..wh..opq'

/** The files that layers make, one over the other, as the image specification has it. */
export class Files {
  readonly #nodes = new Map<string, FileNode>()

  /** Paths begin with a slash; sorted. */
  list(): [string, FileNode][] {
    return [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  apply(layer: readonly FileNode[]): void {
    const named = layer.map((node) => [posix.join('/', node.header.name).replace(/(?<=.)\/$/, ''), node] as const)
    // What a layer removes is of those below it, wherever it stands in the layer.
    for (const [path] of named) this.#applyWhiteout(path)
    for (const [path, node] of named) if (!posix.basename(path).startsWith(whiteout)) this.#put(path, node)
  }

  #applyWhiteout(path: string): void {
    const [directory, name] = [posix.dirname(path), posix.basename(path)]
    if (name === opaque) this.#removeBelow(directory)
    else if (name.startsWith(whiteout)) this.#remove(posix.join(directory, name.slice(whiteout.length)))
  }

  #put(path: string, node: FileNode): void {
    if (node.header.type !== 'directory') this.#removeBelow(path)
    const target = node.header.type === 'link' ? this.#linked(node) : node
    this.#nodes.set(path, target)
  }

  #linked({ header }: FileNode): FileNode {
    const target = this.#nodes.get(posix.join('/', header.linkname as string))
    if (target === undefined) throw new Error(`${header.name} is a link to what is not there: ${header.linkname}`)
    return target
  }

  #remove(path: string): void {
    this.#nodes.delete(path)
    this.#removeBelow(path)
  }

  #removeBelow(path: string): void {
    const start = path === '/' ? '/' : `${path}/`
    for (const name of this.#nodes.keys()) if (name !== '/' && name.startsWith(start)) this.#nodes.delete(name)
  }
}
