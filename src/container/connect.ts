import type { Socket } from 'node:net'
import { InboardError } from '../errors/index.js'
import { invalidOption } from '../spec/invalid.js'
import { type LinkedSignal, linkedSignal } from './abortable.js'
import { bindToRun } from './connections/bound-socket.js'
import { connectError, dial } from './connections/dial.js'
import { type NameAddress, ownAddresses } from './connections/own-addresses.js'
import { resolveName } from './connections/resolve.js'
import type { ContainerContext } from './context.js'

/** What {@link Container.connect} connects to. */
export interface ContainerTarget {
  readonly port: number
  /** A name as the container's programs resolve it, or an address. Default: the container itself. */
  readonly host?: string
}

/** Options of {@link Container.connect}. */
export interface ContainerConnectOptions {
  /** How long it may take at most, in ms. Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const usualTimeoutMs = 30_000

/** Connects within a container's network namespace, to the first address that takes the connection. */
export async function connectTo(
  context: ContainerContext,
  id: string,
  target: number | ContainerTarget,
  { timeoutMs = usualTimeoutMs, signal }: ContainerConnectOptions,
): Promise<Socket> {
  const { port, host } = typeof target === 'number' ? { port: target, host: undefined } : target
  checkPort('connect', port, 1)
  checkTimeout(timeoutMs)
  const limited = withinTime(timeoutMs, signal, context.closing, () =>
    connectError('ETIMEDOUT', { address: host ?? '127.0.0.1', family: 4, port }),
  )
  try {
    const attempt = context.containers.get(id)?.attempt ?? 0
    const addresses = await addressesOf(context, id, host, limited.signal)
    const socket = await dialFirst(context, id, port, addresses, limited.signal)
    return bindToRun(context, id, attempt, socket)
  } finally {
    limited.unlink()
  }
}

/** A signal that fires when it takes too long as well. */
export function withinTime(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  closing: AbortSignal,
  late: () => Error,
): LinkedSignal {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(late()), Math.min(timeoutMs, longestTimerMs))
  const linked = linkedSignal(signal, closing, over.signal)
  const unlink = () => {
    clearTimeout(timer)
    linked.unlink()
  }
  return { signal: linked.signal, unlink }
}

const longestTimerMs = 2 ** 31 - 1

async function addressesOf(
  context: ContainerContext,
  id: string,
  host: string | undefined,
  signal: AbortSignal,
): Promise<readonly NameAddress[]> {
  return host === undefined ? ownAddresses(context, id) : resolveName(context, id, host, [4, 6], signal)
}

/** The failure of the first address tells most: it is that of the loopback, or what the name stands for. */
async function dialFirst(
  context: ContainerContext,
  id: string,
  port: number,
  addresses: readonly NameAddress[],
  signal: AbortSignal,
): Promise<Socket> {
  let first: unknown
  for (const address of addresses)
    try {
      return await dial(context, id, { ...address, port }, Number.POSITIVE_INFINITY, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof InboardError) throw error
      first ??= error
    }
  throw first
}

/** @throws {InvalidOptionError} INVALID_OPTION */
export function checkPort(option: string, port: unknown, least: 0 | 1): void {
  if (Number.isInteger(port) && Number(port) >= least && Number(port) <= 65535) return
  throw invalidOption(option, `invalid port: ${String(port)}`, `give a whole number from ${least} to 65535`, port)
}

function checkTimeout(timeoutMs: number): void {
  if (timeoutMs > 0) return
  throw invalidOption('timeoutMs', `invalid timeout: ${String(timeoutMs)}`, 'give milliseconds above 0', timeoutMs)
}
