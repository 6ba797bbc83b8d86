import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Header, pack } from 'tar-stream'

/** An entry of a tar: a file's content, or a header with one. */
export type Entry = string | Buffer | (Partial<Header> & { content?: string | Buffer })
/** Name → entry; a name that ends with a slash is a directory. */
export type Entries = Readonly<Record<string, Entry>>

export async function tar(entries: Entries): Promise<Buffer> {
  const archive = pack()
  for (const [name, entry] of Object.entries(entries)) {
    const { content = '', ...header } = typeof entry === 'string' || Buffer.isBuffer(entry) ? { content: entry } : entry
    const type = name.endsWith('/') ? 'directory' : 'file'
    archive.entry({ name, type, mtime: new Date(0), ...header } as Header, content)
  }
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export interface ImageParts {
  /** Bottom first. */
  readonly layers: readonly Buffer[]
  readonly config?: object
  readonly document?: object
}

/** The configuration document of an image with these layers. */
export function configDocument({ layers, config = {}, document = {} }: ImageParts): Buffer {
  const rootfs = { type: 'layers', diff_ids: layers.map((layer) => sha256(layer)) }
  const base = { created: '2024-01-01T00:00:00Z', architecture: 'amd64', os: 'linux', config, rootfs }
  return Buffer.from(JSON.stringify({ ...base, ...document }))
}

/** The files of an archive as `docker save` wrote it before version 25. */
export function dockerArchive(parts: ImageParts, tags: readonly string[] | null = ['app:1']): Record<string, Entry> {
  const document = configDocument(parts)
  const config = `${sha256(document).slice(7)}.json`
  const layers = parts.layers.map((layer, at) => [`layer${at}/layer.tar`, layer] as const)
  const manifest = [{ Config: config, RepoTags: tags, Layers: layers.map(([name]) => name) }]
  return { ...Object.fromEntries(layers), [config]: document, 'manifest.json': JSON.stringify(manifest) }
}

export interface Blob {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** The files of an OCI layout. */
export class Layout {
  readonly files: Record<string, Entry> = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }

  blob(mediaType: string, content: Buffer | object): Blob {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
    const digest = sha256(bytes)
    this.files[`blobs/sha256/${digest.slice(7)}`] = bytes
    return { mediaType, digest, size: bytes.length }
  }

  image(parts: ImageParts, compress: (layer: Buffer) => Buffer = gzipSync): Blob {
    const config = this.blob('application/vnd.oci.image.config.v1+json', configDocument(parts))
    const layers = parts.layers.map((layer) =>
      this.blob('application/vnd.oci.image.layer.v1.tar+gzip', compress(layer)),
    )
    return this.blob(manifestType, { schemaVersion: 2, mediaType: manifestType, config, layers })
  }

  nested(manifests: readonly object[]): Blob {
    return this.blob(indexType, { schemaVersion: 2, mediaType: indexType, manifests })
  }

  index(...manifests: readonly object[]): Record<string, Entry> {
    return { ...this.files, 'index.json': JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }) }
  }
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'

export function named(blob: Blob, name: string, rest: object = {}): object {
  return { ...blob, annotations: { 'io.containerd.image.name': name }, ...rest }
}

/** Writes the files of an archive into a directory. */
export function unpacked(directory: string, entries: Entries): string {
  for (const [name, entry] of Object.entries(entries)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof entry === 'string' || Buffer.isBuffer(entry) ? entry : (entry.content ?? ''))
  }
  return directory
}

export async function* stream(bytes: Buffer, chunkBytes = 65536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}
