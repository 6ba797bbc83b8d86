import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { printable } from '../errors/printable.js'
import { isObject } from './driver-answers.js'
import { reasonOf } from './driver-failure.js'
import { describeTarget, type PluginAddress, type PluginTls, type TcpTarget } from './plugin-address.js'
import { pause } from './time-limit.js'

/** What a plugin answers. */
export type PluginReply =
  /** What the method returns. */
  | { readonly kind: 'answer'; readonly fields: Readonly<Record<string, unknown>> }
  /** The plugin's own error, or a status that is one; `said` is to be shown. */
  | { readonly kind: 'refusal'; readonly status: number; readonly said: string }

/** A plugin that could not be reached, broke off, or does not keep to the protocol. The message is to be shown. */
export class PluginFailure extends Error {
  /** @param isUnreached there was no connection: nothing was asked */
  constructor(
    message: string,
    readonly isUnreached: boolean,
    cause?: unknown,
  ) {
    super(message, { cause })
  }
}

export interface PluginCall {
  readonly signal: AbortSignal
  /** How long a plugin that cannot be connected to is tried again. Nothing else is tried again. */
  readonly connectMs: number
}

const mediaType = 'application/vnd.docker.plugins.v1.1+json'
const accepted = `application/vnd.docker.plugins.v1.2+json, ${mediaType}, application/vnd.docker.plugins.v1+json`

const maxAnswerBytes = 1024 * 1024
const maxHeaderBytes = 16 * 1024
/** Each `1xx` answer has undici wait anew for the one that counts. */
const maxInterimAnswers = 16
/** inspect and whoever shows an answer walk it by recursion. */
const maxDepth = 32
const maxSaidLength = 2000
const tcpConnectMs = 10_000

const firstDelayMs = 50
const maxDelayMs = 2000

/** The plugin is about to start, or to start again. */
const startingCodes: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN'])

/**
 * Asks a plugin for a method: one request on a connection of its own, so that none goes stale, keeps the process alive or is left.
 *
 * @param method `VolumeDriver.Create`
 * @throws {PluginFailure} without an answer; the signal's reason
 */
export async function askPlugin(
  address: PluginAddress,
  method: string,
  request: object | undefined,
  { signal, connectMs }: PluginCall,
): Promise<PluginReply> {
  const deadline = performance.now() + connectMs
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
    try {
      return await exchange(address, method, request, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!mayStart(error) || performance.now() + delayMs > deadline) throw error
    }
    await pause(delayMs, signal)
  }
}

function mayStart(error: unknown): boolean {
  if (!(error instanceof PluginFailure) || !error.isUnreached) return false
  return startingCodes.has(String((error.cause as NodeJS.ErrnoException | undefined)?.code))
}

async function exchange(
  address: PluginAddress,
  method: string,
  request: object | undefined,
  signal: AbortSignal,
): Promise<PluginReply> {
  const { Client, buildConnector } = await import('undici')
  const dialed = dialer(buildConnector(await connectOptions(address)))
  const client = new Client(originOf(address), {
    connect: dialed.connect,
    maxResponseSize: maxAnswerBytes,
    maxHeaderSize: maxHeaderBytes,
    // The signal has the only clock.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  let interim = 0
  try {
    const { statusCode, body } = await client.request({
      path: `/${method}`,
      method: 'POST',
      headers: { accept: accepted, 'content-type': mediaType, 'user-agent': 'inboard' },
      body: request === undefined ? '' : JSON.stringify(request),
      reset: true,
      signal,
      onInfo() {
        if (++interim > maxInterimAnswers) throw new Error('it says again and again that it will answer, and does not')
      },
    })
    return replyOf(statusCode, await body.text())
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof PluginFailure ? error : failureOf(address, error, dialed.isConnected())
  } finally {
    // undici lets a connection that nobody waits for be made to its end.
    dialed.hangUp()
    await client.destroy()
  }
}

type Connector = buildConnector.connector

/** Knows of the one connection it makes whether there is one. */
function dialer(connector: Connector) {
  let socket: Socket | undefined
  let isConnected = false
  const connect: Connector = (options, callback) => {
    // undici's connectors return their socket, though their type does not say so.
    socket = connector(options, (...result) => {
      isConnected = result[0] === null
      callback(...result)
    }) as unknown as Socket
  }
  return { connect, isConnected: () => isConnected, hangUp: () => socket?.destroy() }
}

async function connectOptions({ target }: PluginAddress): Promise<buildConnector.BuildOptions> {
  if (target.kind === 'unix') return { socketPath: target.path }
  return { timeout: tcpConnectMs, maxCachedSessions: 0, ...(target.tls && (await tlsOptions(target.tls))) }
}

/** Read for each connection: certificates are renewed. */
async function tlsOptions({ insecure, caFile, certFile, keyFile }: PluginTls) {
  const read = (path: string) =>
    readFile(path).catch((cause) => {
      throw new PluginFailure(`cannot read a file of its TLSConfig: ${reasonOf(cause)}`, true, cause)
    })
  return {
    rejectUnauthorized: !insecure,
    ...(caFile !== undefined && { ca: await read(caFile) }),
    ...(certFile !== undefined && { cert: await read(certFile) }),
    ...(keyFile !== undefined && { key: await read(keyFile) }),
  }
}

function originOf({ target }: PluginAddress): string {
  return target.kind === 'unix' ? 'http://localhost' : `${target.tls ? 'https' : 'http'}://${hostOf(target)}`
}

const hostOf = ({ host, port }: TcpTarget) => `${host.includes(':') ? `[${host}]` : host}:${port}`

function replyOf(status: number, text: string): PluginReply {
  const fields = parseFields(text)
  const said = fields && fieldOf(fields, 'Err')
  if (status !== 200) {
    const words = typeof said === 'string' && said !== '' ? said : text.trim()
    return { kind: 'refusal', status, said: printable(words, maxSaidLength) || `HTTP ${status}` }
  }
  if (!fields) throw new PluginFailure('its answer is not a JSON object', false)
  if (said == null || said === '') return { kind: 'answer', fields }
  if (typeof said !== 'string') throw new PluginFailure('Err of its answer is not text', false)
  return { kind: 'refusal', status, said: printable(said, maxSaidLength) }
}

/** A field by its name in any case, as Go's decoder finds it. */
export function fieldOf(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name]
  const key = Object.keys(fields).find((key) => key.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : fields[key]
}

/** Undefined for what is no JSON object, or one too deep to be walked. */
function parseFields(text: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(text)
    return isObject(document) && isWithin(document, maxDepth) ? document : undefined
  } catch {
    return undefined
  }
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((below) => isWithin(below, depth - 1))
}

function failureOf(address: PluginAddress, cause: unknown, isConnected: boolean): PluginFailure {
  const where = describeTarget(address)
  const { code } = cause as NodeJS.ErrnoException
  if (!isConnected) {
    const why = `cannot connect to ${where}: ${reasonOf(cause)}; ${hintOf(address, String(code))}`
    return new PluginFailure(why, true, cause)
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new PluginFailure(`the plugin at ${where} answers with more than ${maxAnswerBytes} bytes`, false, cause)
  return new PluginFailure(`the plugin at ${where} broke off: ${reasonOf(cause)}`, false, cause)
}

function hintOf({ source, target }: PluginAddress, code: string): string {
  if (/CERT|SIGNED|SIGNATURE|ISSUER/.test(code))
    return `its certificate is not trusted: set TLSConfig.CAFile in ${source}, a .json file`
  if (/EPROTO|ERR_SSL/.test(code)) return `does it speak TLS? See Addr and TLSConfig in ${source}`
  const remedy = target.kind === 'unix' && source === target.path ? `remove ${source}` : `see what ${source} says`
  return `is the plugin running? Start it, or ${remedy}`
}
