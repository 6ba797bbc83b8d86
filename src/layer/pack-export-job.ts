import { native, S_IFBLK, S_IFCHR, S_IFMT } from '../host/index.js'
import type { PackExportRequest } from './export-jobs.js'
import type { PackResult } from './layer-jobs.js'
import { LayeredDirectory } from './layered-directory.js'
import { EntryPacker, layerForm, type PackForm } from './pack-entry.js'
import { PackOutput } from './pack-output.js'
import { packDirectory } from './pack-tree-job.js'
import { tarHeader } from './tar-writer.js'

/** Writes the files that merged layers show to a descriptor, which stays open. */
export function packExportJob(
  { layers, output: fd, within = '', latest, skipsDevices = false }: PackExportRequest,
  checkpoint: () => void,
): PackResult {
  const output = new PackOutput(fd, false)
  const form: PackForm = {
    ...layerForm,
    latest,
    isHidden: (stat, place) => layerForm.isHidden(stat, place) || (skipsDevices && isDevice(stat)),
  }
  const root = LayeredDirectory.open(native(), layers)
  try {
    if (within !== '')
      output.write(tarHeader({ kind: 'directory', name: within, mode: 0o755, mtime: [latest ?? 0, 0] }))
    packDirectory(root, within, new EntryPacker(native(), output, checkpoint, form))
  } finally {
    root.close()
  }
  return output.finish()
}

function isDevice({ mode }: { readonly mode: number }): boolean {
  const kind = mode & S_IFMT
  return kind === S_IFBLK || kind === S_IFCHR
}
