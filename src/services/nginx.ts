import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import type { ImageOption } from './preset.js'
import { type Service, service } from './service.js'

/**
 * nginx: the official image. Ready when it takes connections, whatever it answers.
 *
 * @param options image: default `nginx:stable`
 *
 * @example
 * ```ts
 * await using web = await nginx().start(engine, { volume: ['/srv/site:/usr/share/nginx/html:ro'] })
 * const page = await fetch(web.connectionString, { dispatcher: web.container.dispatcher() })
 * ```
 */
export function nginx({ image = 'nginx:stable' }: ImageOption = {}): Service {
  return service({
    name: 'nginx',
    image,
    port: 80,
    credentials: {},
    ready: () => [answers(80)],
    connectionString: (address) => connectionUrl('http', address),
  })
}
