import { type Digest, isDigest } from '../../content/digest.js'
import type { ImageHealthcheck, ImageRunConfig } from '../../spec/options.js'
import type { HistoryEntry, ImageContent } from '../types.js'
import { invalidArchive, shown } from './invalid.js'
import {
  asArray,
  asCount,
  asObject,
  asString,
  asStringMap,
  asStrings,
  type JsonObject,
  optional,
  parseObject,
} from './json.js'

export const maxConfigBytes = 8 * 1024 * 1024

/** An image configuration document, checked. */
export interface ImageConfig extends Omit<ImageContent, 'id' | 'size' | 'layers' | 'chain'> {
  /** Bottom first. */
  readonly diffIds: readonly Digest[]
}

/** @throws {InvalidOptionError} `INVALID_ARCHIVE`, with Docker's words */
export function verifyLayerCount({ diffIds }: ImageConfig, count: number): void {
  if (diffIds.length === count) return
  throw invalidArchive(`invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${count}`)
}

/**
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`
 * @see https://github.com/opencontainers/image-spec/blob/main/config.md
 */
export function parseConfig(bytes: Uint8Array, what: string): ImageConfig {
  const document = parseObject(bytes, what)
  const text = (key: string) => optional(document[key], `${what}: ${key}`, asString) ?? ''
  const os = text('os') || 'linux'
  if (os !== 'linux') {
    throw invalidArchive(`${what} is for the operating system ${shown(os)}: only linux images can run here`, { os })
  }
  return {
    createdAt: text('created'),
    architecture: text('architecture'),
    variant: text('variant'),
    os,
    author: text('author'),
    comment: text('comment'),
    config: optional(document.config, `${what}: config`, parseRunConfig) ?? {},
    diffIds: parseDiffIds(document.rootfs, `${what}: rootfs`),
    history: optional(document.history, `${what}: history`, parseHistory) ?? [],
  }
}

function parseDiffIds(value: unknown, what: string): readonly Digest[] {
  const rootfs = asObject(value, what)
  if (rootfs.type !== 'layers') throw invalidArchive(`${what}: the type must be "layers", not ${shown(rootfs.type)}`)
  const diffIds = asArray(rootfs.diff_ids ?? [], `${what}: diff_ids`)
  for (const diffId of diffIds)
    if (!isDigest(diffId)) throw invalidArchive(`${what}: ${shown(diffId)} is not a sha256 digest`)
  return diffIds as readonly Digest[]
}

type Reader<Value> = (value: unknown, what: string) => Value

const runConfigFields: { readonly [Key in keyof ImageRunConfig]-?: Reader<NonNullable<ImageRunConfig[Key]>> } = {
  User: asString,
  Env: asStrings,
  Entrypoint: asStrings,
  Cmd: asStrings,
  WorkingDir: asString,
  Labels: asStringMap,
  StopSignal: asString,
  StopTimeout: asCount,
  ExposedPorts: asObjectMap,
  Volumes: asObjectMap,
  OnBuild: asStrings,
  Healthcheck: asHealthcheck,
  Shell: asStrings,
}

const healthcheckFields: { readonly [Key in keyof ImageHealthcheck]-?: Reader<NonNullable<ImageHealthcheck[Key]>> } = {
  Test: asStrings,
  Interval: asCount,
  Timeout: asCount,
  StartPeriod: asCount,
  StartInterval: asCount,
  Retries: asCount,
}

function parseRunConfig(value: unknown, what: string): ImageRunConfig {
  return parseFields(value, what, runConfigFields)
}

function asHealthcheck(value: unknown, what: string): ImageHealthcheck {
  return parseFields(value, what, healthcheckFields)
}

/** What is known of an object; the rest is left out. */
function parseFields(value: unknown, what: string, fields: Readonly<Record<string, Reader<unknown>>>): object {
  const object = asObject(value, what)
  const parsed: Record<string, unknown> = {}
  for (const [key, read] of Object.entries(fields)) {
    const field = optional(object[key], `${what}.${key}`, read)
    if (field !== undefined) parsed[key] = field
  }
  return parsed
}

function asObjectMap(value: unknown, what: string): Readonly<Record<string, object>> {
  const object: JsonObject = asObject(value, what)
  return Object.fromEntries(
    Object.entries(object).map(([key, item]) => [key, asObject(item ?? {}, `${what}: ${shown(key)}`)]),
  )
}

function parseHistory(value: unknown, what: string): readonly HistoryEntry[] {
  return asArray(value, what).map((item) => {
    const object = asObject(item, what)
    const entry: Record<string, unknown> = {}
    for (const key of ['created', 'created_by', 'author', 'comment']) {
      const text = optional(object[key], `${what}: ${key}`, asString)
      if (text !== undefined) entry[key] = text
    }
    if (object.empty_layer === true) entry.empty_layer = true
    return entry as HistoryEntry
  })
}
