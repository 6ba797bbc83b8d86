import type { SyncedFile } from './file-sync.js'

const block = 512

/** Types of entries. @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
const types = { file: '0', link: '1', symlink: '2', directory: '5', extended: 'x' } as const

/** Files as a tar, whose bytes come as they are sent. What is neither file, directory nor link is left out. */
export async function* archiveOf(files: AsyncIterable<SyncedFile>): AsyncGenerator<Buffer, void, undefined> {
  for await (const file of files) {
    if (file.kind === 'other') continue
    yield* headersOf(file, file.kind)
    if (file.kind !== 'file') continue
    for await (const chunk of file.content()) yield chunk
    yield Buffer.alloc(paddingOf(file.size))
  }
  yield Buffer.alloc(2 * block)
}

const paddingOf = (size: number) => (block - (size % block)) % block

function* headersOf(file: SyncedFile, kind: Exclude<SyncedFile['kind'], 'other'>): Generator<Buffer, void, undefined> {
  const { path, target, mode, uid, gid } = file
  const size = kind === 'file' ? file.size : 0
  const modified = Number(file.modifiedNs / 1_000_000_000n)
  const records = Object.entries({ path, linkpath: target, size: String(size) }).map(([name, value]) =>
    record(name, value),
  )
  const extension = Buffer.from(records.join(''))
  yield header({
    path: 'pax',
    target: '',
    type: types.extended,
    size: extension.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    modified,
  })
  yield Buffer.concat([extension, Buffer.alloc(paddingOf(extension.length))])
  yield header({ path, target, type: types[kind], size, mode, uid, gid, modified })
}

/** `LENGTH name=value\n`, whose length counts itself. */
function record(name: string, value: string): string {
  if (value === '') return ''
  const rest = Buffer.byteLength(` ${name}=${value}\n`)
  let length = rest + String(rest).length
  if (String(length).length > String(rest).length) length = rest + String(length).length
  return `${length} ${name}=${value}\n`
}

interface Header {
  readonly path: string
  readonly target: string
  readonly type: string
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly modified: number
}

/** Names that are too long for it are in the records before. */
function header({ path, target, type, size, mode, uid, gid, modified }: Header): Buffer {
  const bytes = Buffer.alloc(block)
  bytes.write(path, 0, 100)
  octal(bytes, mode, 100, 8)
  octal(bytes, uid, 108, 8)
  octal(bytes, gid, 116, 8)
  octal(bytes, size, 124, 12)
  octal(bytes, modified, 136, 12)
  bytes.fill(' ', 148, 156)
  bytes.write(type, 156)
  bytes.write(target, 157, 100)
  bytes.write('ustar\x0000', 257, 'latin1')
  octal(
    bytes,
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return bytes
}

/** What has no room is as much as has. */
function octal(bytes: Buffer, value: number, at: number, length: number): void {
  const most = 8 ** (length - 1) - 1
  const text = Math.min(Math.max(0, value), most)
    .toString(8)
    .padStart(length - 1, '0')
  bytes.write(`${text}\0`, at, length, 'latin1')
}
