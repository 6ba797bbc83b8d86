import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { extract, type Header } from 'tar-stream'
import { type FileNode, Files } from './merged-files.js'

/** What is compared of an image. */
export interface ImageFact {
  readonly config: Readonly<Record<string, unknown>>
  readonly author?: string
  /** Of each step since the base: its instruction; one that made no layer in brackets. */
  readonly history: readonly string[]
  /** What its files are unlike the base's: `gone`, or kind, mode, owner, content and times; see {@link describe}. */
  readonly files: Readonly<Record<string, string>>
}

interface ImageDocument {
  readonly config: Readonly<Record<string, unknown>>
  readonly author?: string
  readonly history: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[]
  readonly rootfs: { readonly diff_ids?: readonly string[] }
}

interface LayerEntry {
  readonly header: Header
  readonly content: Buffer
}

/** Those of one image are those of the next. */
const parsed = new Map<string, Promise<LayerEntry[]>>()

/** What an image's archive, as `docker save` writes it, has beyond that of its base. */
export async function factOf(archive: Buffer, base: Buffer): Promise<ImageFact> {
  const [image, below] = [await open(archive), await openOnce(base)]
  const isBasedOn = image.document.rootfs.diff_ids?.[0] === below.document.rootfs.diff_ids?.[0]
  const first = isBasedOn ? below.document.history.length : 0
  const { author } = image.document
  return {
    config: changes(comparable(image.document.config), isBasedOn ? comparable(below.document.config) : {}),
    ...(author && { author }),
    history: image.document.history.slice(first).map(stepOf),
    files: differences(await image.files(), isBasedOn ? await below.files() : new Files()),
  }
}

/** The name of the instruction of a line of history, the classic builder's or BuildKit's. */
export function stepOf({ created_by: text = '', empty_layer: isEmpty }: ImageDocument['history'][number]): string {
  const [, noted] = /#\(nop\)\s+([A-Z]+)/.exec(text) ?? []
  const [, told = 'RUN'] = /^([A-Z]+) /.exec(text) ?? []
  return isEmpty ? `(${noted ?? told})` : (noted ?? told)
}

/** Not of interest: what is empty, and what only says which builder it was. */
const ignored = new Set(['Image', 'Hostname', 'Domainname', 'ArgsEscaped'])

export function comparable(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(config).filter(([name, value]) => !ignored.has(name) && !isEmpty(value))
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What is as it was is left out; what is not there any more is null. */
function changes(now: Readonly<Record<string, unknown>>, then: Readonly<Record<string, unknown>>) {
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort()
  const changed = names.filter((name) => JSON.stringify(now[name]) !== JSON.stringify(then[name]))
  return Object.fromEntries(changed.map((name) => [name, now[name] ?? null]))
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === null || value === '' || value === false
}

function differences(files: Files, base: Files): Record<string, string> {
  const now = describeAll(files)
  const then = describeAll(base)
  const changed = [...now].filter(([path, text]) => then.get(path) !== text)
  const gone = [...then.keys()].filter((path) => !now.has(path)).map((path) => [path, 'gone'] as const)
  return Object.fromEntries([...changed, ...gone].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function describeAll(files: Files): Map<string, string> {
  const names = new Map<FileNode, string>()
  const texts = new Map<string, string>()
  for (const [path, node] of files.list()) {
    const first = names.get(node)
    if (first === undefined) names.set(node, path)
    texts.set(path, first === undefined ? describe(node) : `same as ${first}`)
  }
  return texts
}

/** Before it, nothing but a context was made. */
const copiedBefore = 1_600_000_000

/** What a layer has is described once, as it is parsed once. */
const described = new WeakMap<FileNode, string>()

function describe(node: FileNode): string {
  const text = described.get(node) ?? textOf(node)
  described.set(node, text)
  return text
}

/** `file 644 0:0 "a\n" @1000000000`: what was made while it was built has no time. */
function textOf({ header, content }: FileNode): string {
  const { type, mode = 0, uid = 0, gid = 0, mtime } = header
  const pax = attributesOf(header)
  // What the reader leaves there: numbers that are too large for the header, and fractions of seconds.
  const seconds = Math.floor(Number(pax.mtime ?? (mtime?.getTime() ?? 0) / 1000))
  const words = [type, (mode & 0o7777).toString(8), `${pax.uid ?? uid}:${pax.gid ?? gid}`]
  if (type === 'symlink') words.splice(1, 1, `-> ${header.linkname}`)
  if (type === 'file') words.push(contentOf(content))
  if (type?.endsWith('-device')) words.push(`${header.devmajor},${header.devminor}`)
  if (seconds < copiedBefore) words.push(`@${seconds}`)
  const attributes = Object.entries(pax).filter(([name]) => name.startsWith('SCHILY.xattr.'))
  for (const [name, value] of attributes) words.push(`${name.slice(13)}=${Buffer.from(value).toString('hex')}`)
  return words.join(' ')
}

const attributesOf = ({ pax }: Header) => (pax ?? {}) as Readonly<Record<string, string>>

function contentOf(content: Buffer): string {
  const text = content.toString()
  if (content.length <= 80 && Buffer.from(text).equals(content)) return JSON.stringify(text)
  return `${content.length} bytes ${createHash('sha256').update(content).digest('hex').slice(0, 12)}`
}

/** Those that all images have. */
const opened = new WeakMap<Buffer, ReturnType<typeof open>>()

function openOnce(archive: Buffer): ReturnType<typeof open> {
  const known = opened.get(archive) ?? open(archive)
  opened.set(archive, known)
  return known
}

async function open(archive: Buffer) {
  const entries = new Map<string, LayerEntry>()
  for (const entry of await entriesOf(archive)) entries.set(entry.header.name, entry)
  const [manifest] = JSON.parse(contentAt(entries, 'manifest.json').toString())
  const document: ImageDocument = JSON.parse(contentAt(entries, manifest.Config).toString())
  return {
    document,
    async files(): Promise<Files> {
      const files = new Files()
      for (const [at, name] of manifest.Layers.entries()) {
        const id = document.rootfs.diff_ids?.[at] as string
        if (!parsed.has(id)) parsed.set(id, entriesOf(contentAt(entries, name)))
        files.apply(await (parsed.get(id) as Promise<LayerEntry[]>))
      }
      return files
    },
  }
}

/** A layer that is there twice is a symlink the second time. */
function contentAt(entries: ReadonlyMap<string, LayerEntry>, name: string): Buffer {
  const entry = entries.get(name)
  if (entry === undefined) throw new Error(`${name} is not in the archive`)
  if (entry.header.type !== 'symlink') return entry.content
  return contentAt(entries, posix.join(posix.dirname(name), entry.header.linkname as string))
}

async function entriesOf(archive: Buffer): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = []
  const reader = Readable.from([archive]).pipe(extract())
  for await (const entry of reader) entries.push(expanded(entry.header, await buffer(entry)))
  return entries
}

/** A file with holes, as GNU tar's format 1.0 has it: its name and size are attributes, and before its data stands where that goes. */
function expanded(header: Header, stored: Buffer): LayerEntry {
  const { 'GNU.sparse.name': name, 'GNU.sparse.realsize': size } = attributesOf(header)
  if (name === undefined || size === undefined) return { header, content: stored }
  const numbers = stored.toString('latin1').split('\n', 1 + 2 * Number.parseInt(stored.toString('latin1', 0, 20), 10))
  const content = Buffer.alloc(Number(size))
  let from = 512 * Math.ceil((numbers.join('\n').length + 1) / 512)
  for (let at = 1; at < numbers.length; at += 2) {
    const [offset, length] = [Number(numbers[at]), Number(numbers[at + 1])]
    stored.copy(content, offset, from, from + length)
    from += length
  }
  return { header: { ...header, name }, content }
}
