import type { IncomingMessage, ServerResponse } from 'node:http'
import createRouter, { type HTTPMethod } from 'find-my-way'
import type { Engine } from '../engine/engine.js'
import { newestMinor, splitVersion } from './api-version.js'
import { Exchange } from './exchange.js'
import { ApiError, failureOf } from './failures.js'
import type { Route } from './route.js'
import { routes } from './routes/index.js'
import type { ServerState } from './state.js'

/** Longer ones are nobody's. */
const longestUrl = 64 * 1024

type Found = { readonly route: Route; readonly parameters: Readonly<Record<string, string>> }

/** Finds who answers a request, and has it answered. Never throws, whatever comes. */
export function answering(
  engine: Engine,
  state: ServerState,
): (request: IncomingMessage, response: ServerResponse) => void {
  const find = finder(routes)
  return (request, response) => {
    response.on('error', () => response.destroy())
    for (const [name, value] of standingHeaders) response.setHeader(name, value)
    answer(engine, state, find, request, response).catch((error: unknown) => refuse(response, error))
  }
}

const standingHeaders = [
  ['Api-Version', `1.${newestMinor}`],
  ['Docker-Experimental', 'false'],
  ['Ostype', 'linux'],
  ['Server', 'inboard (linux)'],
] as const

async function answer(
  engine: Engine,
  state: ServerState,
  find: (method: string, path: string) => Found | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '/'
  if (url.length > longestUrl) throw new ApiError(414, 'the URL is too long')
  const [path = '/', query = ''] = url.split(/\?(.*)/s)
  const { minor, rest } = splitVersion(path)
  const found = find(request.method ?? 'GET', rest)
  if (!found) throw new ApiError(404, 'page not found')
  const { route, parameters } = found
  const exchange = new Exchange({
    engine,
    state,
    request,
    response,
    parameters,
    minor,
    query: new URLSearchParams(query),
  })
  try {
    await route.handle(exchange)
  } catch (error) {
    exchange.fail(error)
  }
}

/** What has no exchange yet. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const { status, message } = failureOf(error)
  const text = Buffer.from(`${JSON.stringify({ message })}\n`)
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length }).end(text)
}

/** Routes with `*name` inside are found by what comes before and behind it: the longest ending first. */
function finder(all: readonly Route[]): (method: string, path: string) => Found | undefined {
  const router = createRouter({ maxParamLength: 4096, ignoreTrailingSlash: true })
  const open = new Map<string, Route[]>()
  for (const route of all) {
    const [, before] = /^(.*)\*\w+/.exec(route.path) ?? []
    if (before === undefined) router.on(route.method as HTTPMethod, route.path, () => {}, { route })
    else addTo(open, `${route.method} ${before}*`, route)
  }
  for (const [key, list] of open) {
    const [method = '', path = ''] = key.split(' ')
    list.sort((a, b) => endingOf(b).length - endingOf(a).length)
    router.on(method as HTTPMethod, path, () => {}, { list })
  }
  return (method, path) => {
    const match = lookUp(router, method, path)
    if (!match) return undefined
    const { route, list } = match.store as { route?: Route; list?: readonly Route[] }
    if (route) return { route, parameters: match.params as Record<string, string> }
    const name = (match.params as Record<string, string>)['*'] ?? ''
    const ending = list?.find((one) => name.endsWith(endingOf(one)) && name.length > endingOf(one).length)
    if (!ending) return undefined
    const parameter = /\*(\w+)/.exec(ending.path)?.[1] ?? ''
    return { route: ending, parameters: { [parameter]: name.slice(0, name.length - endingOf(ending).length) } }
  }
}

const endingOf = ({ path }: Route) => /\*\w+(.*)$/.exec(path)?.[1] ?? ''

function addTo(open: Map<string, Route[]>, key: string, route: Route): void {
  open.set(key, [...(open.get(key) ?? []), route])
}

/** A path that cannot be decoded is nobody's. */
function lookUp(router: ReturnType<typeof createRouter>, method: string, path: string) {
  try {
    return router.find(method as HTTPMethod, path)
  } catch {
    return null
  }
}
