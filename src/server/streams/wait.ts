import type { ExitResult } from '../../container/attach.js'
import type { WaitCondition } from '../../container/wait.js'
import type { Engine } from '../../engine/engine.js'
import { inTime } from '../../sockets/in-time.js'
import type { Exchange } from '../exchange.js'
import { ApiError, failureOf } from '../failures.js'

const conditions: readonly string[] = ['not-running', 'next-exit', 'removed'] satisfies WaitCondition[]

/** Waits for a container. The answer's head is sent at once: the client knows from it that no end is missed from then on. */
export async function waitForContainer(exchange: Exchange): Promise<void> {
  const { engine, query, signal, response } = exchange
  const condition = query.text('condition') ?? 'not-running'
  if (!conditions.includes(condition)) throw new ApiError(400, `invalid condition: "${condition}"`)
  const id = exchange.parameter('id')
  const container = await engine.containers.get(id).catch(async (error: unknown) => {
    const isGone = (error as { code?: string }).code === 'CONTAINER_NOT_FOUND'
    const document = isGone ? await endBeforeRemoval(engine, id, signal) : undefined
    if (!document) throw error
    exchange.json(200, document)
  })
  if (!container) return
  const waiting = container.wait({ condition: condition as WaitCondition, signal })
  exchange.begin('application/json')
  const told = waiting.then(ended, failed).then((document) => response.end(`${JSON.stringify(document)}\n`))
  await underWay(exchange.engine, container.id, told)
}

/** So long one is remembered that has removed itself. */
const rememberedMs = 3000

/**
 * How a container has ended that is gone since a moment. Clients that start one with AutoRemove and wait for it by a request of
 * its own count on a daemon that takes longer to remove it than they take to ask.
 *
 * @param id only a whole one: names are given again
 */
async function endBeforeRemoval(engine: Engine, id: string, signal: AbortSignal): Promise<WaitDocument | undefined> {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined
  const now = Date.now()
  const recent = {
    since: now - rememberedMs,
    until: now,
    filters: { type: 'container', container: id },
    signal,
  } as const
  let exitCode: number | undefined
  for await (const { action, actor } of engine.events(recent))
    if (action === 'die' && actor.id === id) exitCode = Number(actor.attributes.exitCode)
  return exitCode === undefined ? undefined : { StatusCode: exitCode }
}

const waits = new WeakMap<Engine, Map<string, Set<Promise<unknown>>>>()

/** Those that wait for a container, until they are told. */
async function underWay(engine: Engine, id: string, told: Promise<unknown>): Promise<void> {
  const all = waits.get(engine) ?? new Map<string, Set<Promise<unknown>>>()
  waits.set(engine, all)
  const ofOne = all.get(id) ?? new Set()
  all.set(id, ofOne.add(told))
  try {
    await told
  } finally {
    ofOne.delete(told)
    if (ofOne.size === 0) all.delete(id)
  }
}

/** So long it takes at most to tell of a removal that has happened. */
const tellingMs = 1000

/** A container is gone: resolves when all who waited for that have been told. */
export async function removalTold(engine: Engine, id: string): Promise<void> {
  await inTime(Promise.all(waits.get(engine)?.get(id) ?? []), tellingMs)
}

interface WaitDocument {
  readonly StatusCode: number
  readonly Error?: { readonly Message: string }
}

const ended = ({ exitCode, error }: ExitResult): WaitDocument => ({
  StatusCode: exitCode,
  ...(error !== undefined && { Error: { Message: error } }),
})

/** It is too late for another status. */
const failed = (error: unknown): WaitDocument => ({ StatusCode: 255, Error: { Message: failureOf(error).message } })
