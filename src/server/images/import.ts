import type { Exchange } from '../exchange.js'
import { progressFields } from '../progress.js'
import { withTag } from './names.js'

/** `POST /images/create?fromSrc=`: an image of the body (`-`), or of what a URL has. */
export async function importImage(exchange: Exchange): Promise<void> {
  const { engine, query, request } = exchange
  const source = query.required('fromSrc')
  const url = source === '-' ? undefined : withScheme(source)
  const work = engine.images.import(url ?? request, importOptions(exchange))
  const lines = exchange.lines()
  for await (const progress of work) {
    if (url === undefined || progress.kind !== 'bytes') continue
    if (!lines.hasBegun) await lines.write({ status: `Downloading from ${url}` })
    await lines.write({ status: 'Importing', ...progressFields(progress.current) })
  }
  await lines.write({ status: (await work).id })
  lines.end()
}

function importOptions({ query, signal }: Exchange) {
  const [repository, tag, message, platform] = ['repo', 'tag', 'message', 'platform'].map((name) => query.text(name))
  return {
    signal,
    changes: query.texts('changes'),
    ...(repository !== undefined && { reference: withTag(repository, tag) }),
    ...(message !== undefined && { message }),
    ...(platform !== undefined && { platform }),
  }
}

/** Docker takes a host for the address of a web server. */
function withScheme(source: string): string {
  return /^https?:\/\//i.test(source) ? source : `http://${source}`
}
