import type { Exchange } from '../exchange.js'
import { sentLayer } from './layer-lines.js'
import { isWhole, tagOf, withTag } from './names.js'
import { registryAuthOf } from './registry-auth.js'

/** `POST /images/{name}/push`: a tag, or, where nothing says which, all of the repository. */
export async function pushImage(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const name = withTag(exchange.parameter('name'), query.text('tag'))
  const push = engine.images.push(name, { auth: registryAuthOf(exchange), signal, allTags: !isWhole(name) })
  const lines = exchange.lines()
  for await (const progress of push) {
    if (progress.kind === 'repository')
      await lines.write({ status: `The push refers to repository [${progress.name}]` })
    if (progress.kind === 'layer') await lines.write(sentLayer(progress))
  }
  for (const { reference, digest, size } of await push) {
    const tag = tagOf(reference)
    await lines.write({ status: `${tag}: digest: ${digest} size: ${size}` })
    await lines.write({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } })
  }
  lines.end()
}
