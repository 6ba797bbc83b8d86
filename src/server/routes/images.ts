import { ApiError } from '../failures.js'
import { importImage } from '../images/import.js'
import { historyDocument, inspectDocument } from '../images/inspect.js'
import { listImages } from '../images/list.js'
import { loadImages } from '../images/load.js'
import { withTag } from '../images/names.js'
import { pullImage } from '../images/pull.js'
import { pushImage } from '../images/push.js'
import { pruneImages, removeImage } from '../images/remove.js'
import { saveImages } from '../images/save.js'
import type { Route } from '../route.js'

/** Images. */
export const imageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/images/json',
    async handle(exchange) {
      exchange.json(200, await listImages(exchange))
    },
  },
  {
    method: 'POST',
    path: '/images/create',
    handle(exchange) {
      const { query } = exchange
      if (query.has('fromSrc')) return importImage(exchange)
      if (query.has('fromImage')) return pullImage(exchange)
      throw new ApiError(400, 'missing parameter: fromImage or fromSrc')
    },
  },
  { method: 'POST', path: '/images/load', handle: loadImages },
  {
    method: 'POST',
    path: '/images/prune',
    async handle(exchange) {
      exchange.json(200, await pruneImages(exchange))
    },
  },
  { method: 'GET', path: '/images/get', handle: (exchange) => saveImages(exchange, exchange.query.texts('names')) },
  {
    method: 'GET',
    path: '/images/*name/get',
    handle: (exchange) => saveImages(exchange, [exchange.parameter('name')]),
  },
  {
    method: 'GET',
    path: '/images/*name/json',
    async handle(exchange) {
      const image = await exchange.engine.images.get(exchange.parameter('name'))
      exchange.json(200, inspectDocument(await image.inspect(), exchange.minor))
    },
  },
  {
    method: 'GET',
    path: '/images/*name/history',
    async handle(exchange) {
      const image = await exchange.engine.images.get(exchange.parameter('name'))
      exchange.json(200, (await image.history()).map(historyDocument))
    },
  },
  {
    method: 'POST',
    path: '/images/*name/tag',
    async handle(exchange) {
      const { engine, query } = exchange
      const image = await engine.images.get(exchange.parameter('name'))
      await image.tag(withTag(query.required('repo'), query.text('tag')))
      exchange.empty(201)
    },
  },
  { method: 'POST', path: '/images/*name/push', handle: pushImage },
  {
    method: 'DELETE',
    path: '/images/*name',
    async handle(exchange) {
      exchange.json(200, await removeImage(exchange))
    },
  },
]
