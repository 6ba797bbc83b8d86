import { Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import type { ContainerRecord } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { whileThere } from './files.js'
import { presentFor } from './present.js'

/** Options of {@link Container.export}. */
export interface ExportOptions {
  /** Ends the stream with the signal's reason. */
  readonly signal?: AbortSignal
}

/** All files of a container as a tar, made as fast as it is read. Nothing begins before somebody reads. */
export function exportFiles(context: ContainerContext, record: ContainerRecord, { signal }: ExportOptions): Readable {
  const stop = AbortSignal.any([context.closing, ...(signal ? [signal] : [])])
  return Readable.from(archive(context, record, stop), { objectMode: false })
}

async function* archive(
  context: ContainerContext,
  record: ContainerRecord,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  await presentFor(context, record.id, 'export', signal)
  context.tell(record, 'export')
  const bytes = context.files(record).packRoot({ signal })
  let isWhole = false
  try {
    while (!isWhole) {
      const next = await reporting(`cannot export container ${record.name}`, () => bytes.next())
      if (next.done) isWhole = true
      else yield next.value
    }
    // The end is the promise that it is whole: it is not given for a container that was removed meanwhile.
    await whileThere(context, record, async () => {})
  } finally {
    await bytes.return()
  }
}
