import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { invalidLayer } from './layer-errors.js'
import type { PackEntry, PackRequest, PackResult } from './layer-jobs.js'
import { encodeName } from './names.js'
import { type PackOutput, packFile } from './pack-output.js'
import { tarHeader, tarPadding } from './tar-writer.js'

/** Writes a tar of the entries. After a failure the file is gone again. */
export function packJob({ entries, path }: PackRequest, checkpoint: () => void): PackResult {
  return packFile(path, (output) => {
    for (const entry of entries) {
      checkpoint()
      packEntry(entry, output, checkpoint)
    }
  })
}

function packEntry(entry: PackEntry, output: PackOutput, checkpoint: () => void): void {
  if (entry.kind !== 'file' || entry.source === undefined) {
    output.write(tarHeader(entry))
    return
  }
  const fd = openSync(encodeName(entry.source), constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw invalidLayer(`${entry.source} is not a regular file.`, { path: entry.source })
    output.write(tarHeader({ ...entry, size: stat.size }))
    copyPayload(entry.source, fd, stat.size, output, checkpoint)
    output.write(tarPadding(stat.size))
  } finally {
    closeSync(fd)
  }
}

function copyPayload(source: string, fd: number, size: number, output: PackOutput, checkpoint: () => void): void {
  for (let left = size; left > 0; ) {
    checkpoint()
    const read = output.readFrom(fd, left)
    if (read === 0) throw invalidLayer(`${source} became shorter while it was packed.`, { path: source })
    left -= read
  }
}
