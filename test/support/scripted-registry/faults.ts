import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** What goes wrong with an answer. Counts are bytes of the answer's body. */
export type Effect =
  /** Another status than the one there should be; `retryAfter` in seconds. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly retryAfter?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** The connection ends, without or with an RST, or stays open with nothing more. */
  | { readonly kind: 'truncate'; readonly after: number }
  | { readonly kind: 'reset'; readonly after: number }
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'corrupt'; readonly at: number }
  /** Other headers than the true ones; `content-length` too. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** Another document. */
  | { readonly kind: 'body'; readonly body: string | Buffer; readonly type?: string }
  /** Bytes without end after the true ones. */
  | { readonly kind: 'endless' }
  /** No `Content-Length`. */
  | { readonly kind: 'chunked' }
  /** To the same path at another origin. */
  | { readonly kind: 'redirect'; readonly origin: string }
  /** The whole, whatever `Range` asks for. */
  | { readonly kind: 'whole' }
  /** Nothing is answered before the promise resolves. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** The body comes in pieces with pauses between them. */
  | { readonly kind: 'slow'; readonly chunk: number; readonly everyMs: number }
  /** The connection is reset when so much of the *request's* body has come; what came is kept. */
  | { readonly kind: 'resetUpload'; readonly after: number }
  /** What is asked is done, but the answer is lost. */
  | { readonly kind: 'lose' }

export interface Fault {
  /** Which requests: `METHOD path?query` is matched. */
  readonly on: RegExp
  /** So many of them go well first. Default: 0. */
  readonly skip?: number
  /** So many of them go wrong. Default: all. */
  readonly times?: number
  readonly effect: Effect
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Buffer
}

/** Faults that are due, in the order in which they were given. */
export class Faults {
  readonly #faults: { readonly fault: Fault; seen: number }[]

  constructor(faults: readonly Fault[]) {
    this.#faults = faults.map((fault) => ({ fault, seen: 0 }))
  }

  add(fault: Fault): void {
    this.#faults.push({ fault, seen: 0 })
  }

  clear(): void {
    this.#faults.length = 0
  }

  /** All that strike this request. */
  due(line: string): Effect[] {
    const effects: Effect[] = []
    for (const entry of this.#faults) {
      const { on, skip = 0, times = Number.POSITIVE_INFINITY, effect } = entry.fault
      if (!on.test(line)) continue
      entry.seen++
      if (entry.seen > skip && entry.seen <= skip + times) effects.push(effect)
    }
    return effects
  }
}

export function effectOf<Kind extends Effect['kind']>(effects: readonly Effect[], kind: Kind) {
  return effects.find((effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind)
}

/** Sends an answer, as the effects spoil it. Counts what leaves. */
export async function send(
  response: ServerResponse,
  answer: Answer,
  effects: readonly Effect[],
  count: (bytes: number) => void,
): Promise<void> {
  await effectOf(effects, 'hold')?.until
  const { status, headers, body } = effects.reduce(
    (before, effect) => spoil(response.req.url ?? '', before, effect),
    answer,
  )
  const isEndless = effectOf(effects, 'endless') !== undefined
  const isChunked = isEndless || effectOf(effects, 'chunked') !== undefined
  const length = isChunked ? {} : { 'content-length': body.length }
  response.writeHead(status, { ...length, ...headers })
  response.flushHeaders()
  const isHead = response.req.method === 'HEAD'
  await sendBody(response, isHead ? Buffer.alloc(0) : body, effects, count)
  if (isEndless && !isHead) await sendEndlessly(response, count)
  // A false Content-Length: the end of the connection is all that can end the body.
  else if (headers['content-length'] !== undefined && !isHead) response.socket?.end()
  else response.end()
}

function spoil(path: string, answer: Answer, effect: Effect): Answer {
  switch (effect.kind) {
    case 'status': {
      const retryAfter = effect.retryAfter === undefined ? {} : { 'retry-after': effect.retryAfter }
      return {
        status: effect.status,
        headers: { 'content-type': 'application/json', ...retryAfter, ...effect.headers },
        body: Buffer.from(effect.body ?? '{"errors":[{"code":"UNKNOWN","message":"scripted"}]}'),
      }
    }
    case 'redirect':
      return { status: 307, headers: { location: effect.origin + path }, body: Buffer.alloc(0) }
    case 'headers':
      return { ...answer, headers: { ...answer.headers, ...effect.headers } }
    case 'body': {
      const type = effect.type === undefined ? {} : { 'content-type': effect.type }
      return { ...answer, headers: { ...answer.headers, ...type }, body: Buffer.from(effect.body) }
    }
    case 'corrupt': {
      const body = Buffer.from(answer.body)
      if (effect.at < body.length) body[effect.at] = (body[effect.at] as number) ^ 0xff
      return { ...answer, body }
    }
    default:
      return answer
  }
}

async function sendBody(
  response: ServerResponse,
  body: Buffer,
  effects: readonly Effect[],
  count: (bytes: number) => void,
): Promise<void> {
  const cut = effectOf(effects, 'truncate') ?? effectOf(effects, 'reset') ?? effectOf(effects, 'stall')
  const pace = effectOf(effects, 'slow')
  const end = cut ? Math.min(cut.after, body.length) : body.length
  const chunk = pace?.chunk ?? 65536
  for (let at = 0; at < end && !response.destroyed; at += chunk) {
    const part = body.subarray(at, Math.min(at + chunk, end))
    await write(response, part)
    count(part.length)
    if (pace) await delay(pace.everyMs)
  }
  if (!cut) return
  // What was written has to leave before the connection is cut.
  if (cut.kind !== 'stall') await delay(5)
  if (cut.kind === 'truncate') response.socket?.destroy()
  if (cut.kind === 'reset') response.socket?.resetAndDestroy()
  if (!response.destroyed) await once(response, 'close')
}

async function sendEndlessly(response: ServerResponse, count: (bytes: number) => void): Promise<void> {
  const chunk = Buffer.alloc(65536, 'endless ')
  while (!response.destroyed) {
    await write(response, chunk)
    count(chunk.length)
  }
}

async function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  if (response.destroyed || response.write(bytes)) return
  const stop = new AbortController()
  const options = { signal: stop.signal }
  await Promise.race([once(response, 'drain', options), once(response, 'close', options)]).catch(() => {})
  stop.abort()
}
