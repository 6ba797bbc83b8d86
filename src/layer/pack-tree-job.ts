import { closeSync } from 'node:fs'
import { quoted } from '../errors/printable.js'
import { DT_REG, type Native, native, S_IFMT, S_IFREG } from '../host/index.js'
import { type Change, type Comparison, compareTrees, type Place } from './compare.js'
import { invalidLayer } from './layer-errors.js'
import type { PackChangesRequest, PackChangesResult, PackResult, PackTreeRequest } from './layer-jobs.js'
import { isOpaque, isWhiteout, LayeredDirectory, openDirectory, openRoot } from './layered-directory.js'
import { checkPathLength } from './names.js'
import { EntryPacker, layerForm } from './pack-entry.js'
import { PackOutput, packFile } from './pack-output.js'
import { settleUpper } from './settle-upper.js'
import { tarHeader } from './tar-writer.js'
import { isDirectory } from './tree.js'
import { opaqueWhiteout, whiteoutPrefix } from './whiteouts.js'

/** Lists what {@link compareTrees} finds. */
export function compareJob(comparison: Comparison, checkpoint: () => void): Change[] {
  const changes: Change[] = []
  compareTrees(native(), comparison, (kind, { path }) => changes.push({ kind, path }), checkpoint)
  return changes
}

/** Writes the files that merged layers show to a descriptor, which stays open. */
export function packTreeJob({ layers, output: fd }: PackTreeRequest, checkpoint: () => void): PackResult {
  const output = new PackOutput(fd, false)
  const packer = new EntryPacker(native(), output, checkpoint)
  const root = LayeredDirectory.open(native(), layers)
  try {
    packDirectory(root, '', packer)
  } finally {
    root.close()
  }
  return output.finish()
}

/** Only the topmost layer may change meanwhile: the others are the engine's own. */
export function packDirectory(directory: LayeredDirectory, path: string, packer: EntryPacker): void {
  const { only } = directory
  const types = directory.types()
  for (const name of [...types.keys()].sort()) {
    const own = path === '' ? name : `${path}/${name}`
    if (only !== undefined && only.layer > 0 && types.get(name) === DT_REG)
      packer.pack({ path: own, directory: only.fd, name, isFixed: true })
    else packFound(directory, name, own, packer)
  }
}

function packFound(directory: LayeredDirectory, name: string, path: string, packer: EntryPacker): void {
  const found = directory.find(name)
  if (found === undefined) return
  const isFixed = found.layer > 0 && (found.stat.mode & S_IFMT) === S_IFREG
  const entered = isDirectory(found.stat) ? directory.enter(name) : undefined
  try {
    packer.pack({ path, directory: found.directory, name, isFixed, ...(entered && { opened: entered.top }) })
    if (entered !== undefined) packDirectory(entered, path, packer)
  } finally {
    entered?.close()
  }
}

/** Writes a layer of what {@link compareTrees} would find. After a failure the file is gone again. */
export function packChangesJob(
  { path, settle, ...comparison }: PackChangesRequest,
  checkpoint: () => void,
): PackChangesResult {
  const isUpper = comparison.format === 'overlay'
  if (settle && isUpper) settleUpper(native(), comparison, settle.latest, checkpoint)
  let contentSize = 0
  const packed = packFile(path, (output) => {
    const packer = new EntryPacker(native(), output, checkpoint, { ...layerForm, latest: settle?.latest })
    if (isUpper) packUpper(native(), comparison.own, output, packer)
    else packDifferences(comparison, packer, checkpoint)
    contentSize = packer.contentSize
  })
  return { ...packed, contentSize }
}

function packDifferences(comparison: Comparison, packer: EntryPacker, checkpoint: () => void): void {
  const onChange = (kind: Change['kind'], place: Place) => {
    const path = place.path.slice(1)
    refuseWhiteoutName(path, place.name)
    if (kind === 'D') packer.whiteout(path)
    else packer.pack({ ...place, path })
  }
  compareTrees(native(), comparison, onChange, checkpoint)
}

/** The writable layer of an overlay is what a layer consists of; only its whiteouts have another form in an archive. */
function packUpper(addon: Native, path: string, output: PackOutput, packer: EntryPacker): void {
  const root = openRoot(addon, path)
  if (root === undefined) return
  try {
    packUpperDirectory(root, '')
  } finally {
    closeSync(root)
  }

  function packUpperDirectory(directory: number, above: string): void {
    if (isOpaque(addon, directory))
      output.write(tarHeader({ kind: 'file', name: `${above}${opaqueWhiteout}`, mode: 0o755 }))
    const names = addon.readDirectory(directory).map(({ name }) => name)
    for (const name of names.sort()) packName(directory, name, `${above}${name}`)
  }

  function packName(directory: number, name: string, path: string): void {
    const stat = addon.statAt(directory, name)
    if (stat === undefined) return
    if (isWhiteout(stat)) {
      packer.whiteout(path)
      return
    }
    refuseWhiteoutName(path, name)
    checkPathLength(path)
    const opened = isDirectory(stat) ? openDirectory(addon, directory, name) : undefined
    try {
      packer.pack({ path, directory, name, ...(opened !== undefined && { opened }) })
      if (opened !== undefined) packUpperDirectory(opened, `${path}/`)
    } finally {
      if (opened !== undefined) closeSync(opened)
    }
  }
}

/** In a layer such a name deletes another file. */
export function refuseWhiteoutName(path: string, name: string): void {
  if (name.startsWith(whiteoutPrefix))
    throw invalidLayer(
      `${quoted(path)} cannot be in a layer: there, names that begin with ${whiteoutPrefix} delete files. Rename or remove it.`,
      { path },
    )
}
