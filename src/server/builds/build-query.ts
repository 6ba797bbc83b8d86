import { array, looseObject, nullable, nullish, number, optional, record, string } from 'valibot'
import type { BuildOptions, CacheFromInput } from '../../engine/build-options.js'
import { ApiError } from '../failures.js'
import type { Query } from '../query.js'
import { parse } from '../validation.js'

/** Options of a build of one image. */
export type ImageOptions = BuildOptions & { readonly platform?: string; readonly output?: undefined }

/** What a request's parameters say of a build, beside its files. */
export interface BuildParameters {
  readonly options: ImageOptions
  /** The image's ID is all that is told of a build that succeeds. */
  readonly isQuiet: boolean
  /** A build can be cancelled by it. */
  readonly id: string | undefined
  readonly session: string | undefined
  /** 1: the classic builder's transcript; 2: BuildKit's trace. */
  readonly version: 1 | 2
  /** Where the context is; undefined: in the request's body. */
  readonly remote: string | undefined
}

/** @throws {ApiError} 400 for what Docker refuses, in its words */
export function buildParameters(query: Query): BuildParameters {
  const options = {
    ...namesOf(query),
    ...limitsOf(query),
    ...networkOf(query),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    squash: query.flag('squash'),
  }
  if (query.text('securityopt') !== undefined)
    throw new ApiError(400, 'The daemon on this platform does not support setting security options on build')
  verifyOutputs(query)
  return {
    options,
    isQuiet: query.flag('q'),
    id: query.text('buildid'),
    session: query.text('session'),
    version: versionOf(query.text('version')),
    remote: query.text('remote'),
  }
}

const outputs = nullish(array(looseObject({ Type: nullish(string()) })))

/** A build makes an image here: files are not sent to clients. */
function verifyOutputs(query: Query): void {
  for (const { Type } of parse(outputs, query.json('outputs')) ?? [])
    if (Type && !['moby', 'image', 'docker'].includes(Type))
      throw new ApiError(501, `output ${Type} is not supported: build an image, and save or export that`)
}

function versionOf(text: string | undefined): 1 | 2 {
  if (text === undefined || text === '1') return 1
  if (text === '2') return 2
  throw new ApiError(400, `invalid version ${text}`)
}

const labels = nullish(record(string(), string()))
const buildArgs = nullish(record(string(), nullable(string())))
const images = nullish(array(string()))

function namesOf(query: Query): ImageOptions {
  const label = parse(labels, query.json('labels')) ?? {}
  const given = parse(buildArgs, query.json('buildargs')) ?? {}
  const cacheFrom: readonly CacheFromInput[] = parse(images, query.json('cachefrom')) ?? []
  const platform = query.text('platform')?.toLowerCase()
  const target = query.text('target')
  return {
    tag: [...new Set(query.texts('t').filter((name) => name !== ''))],
    label,
    // null: the client's environment has no such variable.
    buildArg: Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null)),
    cacheFrom: cacheFrom.filter((name) => name !== ''),
    ...(platform !== undefined && { platform }),
    ...(target !== undefined && { target }),
  }
}

/** As with Docker: what is no number is none, and 0 is the default. */
function counted(query: Query, name: string): number | undefined {
  const value = Number(query.text(name) ?? 0)
  return Number.isSafeInteger(value) && value !== 0 ? value : undefined
}

const ulimits = nullish(
  array(looseObject({ Name: string(), Soft: optional(number(), 0), Hard: optional(number(), 0) })),
)

function limitsOf(query: Query): ImageOptions {
  const limits = {
    memory: counted(query, 'memory'),
    memorySwap: counted(query, 'memswap'),
    cpuShares: counted(query, 'cpushares'),
    cpuPeriod: counted(query, 'cpuperiod'),
    cpuQuota: counted(query, 'cpuquota'),
    shmSize: query.integer('shmsize') || undefined,
    cpusetCpus: query.text('cpusetcpus'),
    cpusetMems: query.text('cpusetmems'),
    cgroupParent: query.text('cgroupparent'),
  }
  const ulimit = (parse(ulimits, query.json('ulimits')) ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`)
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
  return { ...given, ...(ulimit.length > 0 && { ulimit }) }
}

function networkOf(query: Query): ImageOptions {
  const mode = query.text('networkmode')
  const addHost = query.texts('extrahosts').filter((host) => host !== '')
  return {
    ...(addHost.length > 0 && { addHost }),
    ...(mode !== undefined && mode !== 'default' && mode !== 'bridge' && { network: mode }),
    // As with Docker: who may build by this API may have the host's network.
    allow: ['network.host'],
  }
}
