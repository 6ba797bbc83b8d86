import { stat } from 'node:fs/promises'
import { isGitUrl, isHttpUrl } from '../build/context/index.js'
import { InvalidOptionError } from '../errors/index.js'
import { parseReference } from '../reference/reference.js'
import { type HostLimits, normalizeOptions } from '../spec/index.js'
import { checkFlag, checkInteger, checkText, checkTexts, invalidOption } from '../spec/invalid.js'
import type { BuildInput, BuildOptions, BuildRequest } from './build-options.js'
import { verifyOutput } from './build-output-options.js'
import { platformName } from './build-platforms.js'

/**
 * Refuses what cannot be built, in Docker's words where it has some, before anything is done.
 *
 * @throws {InvalidOptionError} INVALID_OPTION with the option and its value; INVALID_REFERENCE for names of images
 */
export async function verifyBuild({ context, options }: BuildRequest, host: HostLimits): Promise<void> {
  verifyContext(context, options)
  verifyNames(options)
  verifyFlags(options)
  verifyLimits(options, host)
  verifyContexts(options)
  verifyCaches(options)
  verifyOutput(options)
  verifyAgents(options)
  verifyAuth(options)
  await verifySecrets(options)
}

const maxParallelism = 1024

function verifyContext(context: BuildInput | undefined, { dockerfile, file }: BuildOptions): void {
  const stdin = 'ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles'
  if (dockerfile !== undefined && file !== undefined)
    throw invalidOption('file', stdin, 'give either dockerfile or file', file)
  if (dockerfile !== undefined && typeof dockerfile !== 'string' && !(dockerfile instanceof Uint8Array))
    throw invalidOption('dockerfile', `invalid value for dockerfile: ${typeof dockerfile}`, 'give its text, or bytes')
  if (file !== undefined && checkText('file', file) === '')
    throw invalidOption('file', 'the path is empty', 'give a path')
  if (context === undefined) {
    if (dockerfile !== undefined) return
    throw invalidOption('context', 'a build requires a context', 'give a directory, or the Dockerfile as text')
  }
  if (typeof context === 'string') verifySource('context', context)
  else if ('git' in context) checkText('context', context.git)
  else if (!(context instanceof Uint8Array || Symbol.asyncIterator in context))
    throw invalidOption(
      'context',
      `invalid value for context: ${typeof context}`,
      'give a path, a URL, bytes or a stream',
    )
}

/** What leads to files, as a text. */
function verifySource(option: string, source: string): void {
  if (checkText(option, source) === '')
    throw invalidOption(option, 'unable to prepare context: the path is empty', "give a directory, such as '.'", source)
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(source) ?? []
  if (scheme === undefined || isGitUrl(source) || isHttpUrl(source)) return
  const hint = scheme === 'file' ? 'give the path' : 'give a directory, or a URL of git or http'
  throw invalidOption(option, `unable to prepare context: unsupported scheme ${scheme}://`, hint, source)
}

function verifyNames({
  tag,
  target,
  label,
  annotation,
  buildArg,
  platform,
  noCache,
  noCacheFilter,
}: BuildOptions): void {
  for (const name of checkTexts('tag', tag)) verifyTag(name)
  if (target !== undefined) checkText('target', target)
  verifyRecord('label', label)
  verifyRecord('annotation', annotation)
  verifyRecord('buildArg', buildArg)
  for (const name of Object.keys(annotation ?? {})) verifyAnnotation(name)
  for (const name of platformsOf(platform)) platformName(checkText('platform', name))
  const filters = checkTexts('noCacheFilter', noCacheFilter)
  if (noCache === true && filters.length > 0)
    throw invalidOption('noCacheFilter', 'noCache and noCacheFilter cannot be used together', 'leave one out', filters)
}

function platformsOf(platform: BuildOptions['platform']): readonly string[] {
  const platforms = [platform ?? []].flat()
  if (platform === undefined || platforms.length > 0) return platforms
  throw invalidOption('platform', 'no platform', "give at least one, such as 'linux/amd64'", platform)
}

function verifyTag(name: string): void {
  const { digest } = referenceOf('tag', name)
  if (digest !== undefined)
    throw invalidReference('tag', name, 'refusing to create a tag with a digest reference: leave the digest out')
}

function referenceOf(option: string, name: string) {
  try {
    return parseReference(checkText(option, name))
  } catch (error) {
    if (!(error instanceof InvalidOptionError) || error.code !== 'INVALID_REFERENCE') throw error
    throw invalidReference(option, name, `invalid argument ${JSON.stringify(name)} for ${option}: ${error.message}`)
  }
}

function invalidReference(option: string, value: string, message: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_REFERENCE', details: { option, value, reference: value } })
}

function verifyRecord(option: string, values: Readonly<Record<string, string | undefined>> | undefined): void {
  for (const [name, value] of Object.entries(values ?? {})) {
    if (checkText(option, name).trim() === '')
      throw invalidOption(option, `invalid ${option} '${name}=${value}': empty name`, 'give a name', value)
    if (value !== undefined) checkText(option, value)
  }
}

/** @see https://docs.docker.com/reference/cli/docker/buildx/build/#annotation */
const annotationTypes: ReadonlySet<string> = new Set(['manifest', 'index'])

function verifyAnnotation(name: string): void {
  const colon = name.indexOf(':')
  const type = colon < 0 ? 'manifest' : name.slice(0, colon)
  if (!annotationTypes.has(type) || name.slice(colon + 1) === '')
    throw invalidOption(
      'annotation',
      `invalid annotation ${JSON.stringify(name)}`,
      "write 'key', 'manifest:key' or 'index:key'",
      name,
    )
}

function verifyFlags({ noCache, pull, squash, parallelism, network, allow, iidfile, ...rest }: BuildOptions): void {
  for (const [option, value] of Object.entries({ noCache, pull, squash })) checkFlag(option, value)
  checkInteger('parallelism', parallelism, 1, maxParallelism)
  checkInteger('sourceDateEpoch', rest.sourceDateEpoch, 0, 2 ** 33 - 1)
  if (network !== undefined && !/^(container:)?[a-zA-Z0-9][\w.-]*$/.test(checkText('network', network)))
    throw invalidOption(
      'network',
      `network mode ${network} is not supported by builds`,
      "use 'default', 'none', 'host', a network's name, or 'container:NAME'",
      network,
    )
  for (const entitlement of checkTexts('allow', allow))
    if (!['network.host', 'security.insecure'].includes(entitlement))
      throw invalidOption(
        'allow',
        `invalid entitlement: ${entitlement}`,
        "there are 'network.host' and 'security.insecure'",
        entitlement,
      )
  if (iidfile !== undefined && checkText('iidfile', iidfile) === '')
    throw invalidOption('iidfile', 'the path is empty', 'give the path of a file', iidfile)
}

/** They are those of containers. */
function verifyLimits(options: BuildOptions, host: HostLimits): void {
  const { addHost, cgroupParent, cpuPeriod, cpuQuota, cpuShares, cpus, cpusetCpus, cpusetMems } = options
  const { memory, memorySwap, shmSize, ulimit } = options
  const limits = {
    addHost,
    cgroupParent,
    cpuPeriod,
    cpuQuota,
    cpuShares,
    cpus,
    cpusetCpus,
    cpusetMems,
    memory,
    memorySwap,
  }
  const given = Object.entries({ ...limits, shmSize, ulimit }).filter(([, value]) => value !== undefined)
  normalizeOptions('scratch', undefined, Object.fromEntries(given), { envFiles: new Map(), processEnv: {}, host })
}

const imageScheme = 'docker-image://'

function verifyContexts({ buildContext = {} }: BuildOptions): void {
  for (const [name, source] of Object.entries(buildContext)) {
    if (!/^[\w][\w./:@-]*$/.test(name) || name.toLowerCase() === 'context')
      throw invalidOption('buildContext', `invalid context name ${name}`, 'give a name as stages and images have', name)
    if (checkText('buildContext', source).startsWith(imageScheme))
      referenceOf('buildContext', source.slice(imageScheme.length))
    else verifySource('buildContext', source)
  }
}

function verifyCaches({ cacheFrom = [], cacheTo = [] }: BuildOptions): void {
  for (const source of cacheFrom) {
    if (typeof source === 'string') referenceOf('cacheFrom', source)
    else if (source.type === 'registry') referenceOf('cacheFrom', source.ref)
    else if (source.type !== 'local' || !source.src)
      throw invalidOption(
        'cacheFrom',
        `unknown source ${JSON.stringify(source)}`,
        "use type 'registry' or 'local'",
        source,
      )
  }
  for (const target of cacheTo) {
    if (target.type === 'registry') referenceOf('cacheTo', target.ref)
    else if (target.type !== 'inline' && (target.type !== 'local' || !target.dest))
      throw invalidOption(
        'cacheTo',
        `unknown target ${JSON.stringify(target)}`,
        "use type 'inline', 'registry' or 'local'",
        target,
      )
    if (target.type !== 'inline' && ![undefined, 'min', 'max'].includes(target.mode))
      throw invalidOption('cacheTo', `unknown mode ${target.mode}`, "use 'min' or 'max'", target.mode)
  }
}

function verifyAgents({ ssh = [] }: BuildOptions): void {
  verifyUnique(
    'ssh',
    ssh.map(({ id = 'default' }) => id),
  )
  for (const { id = 'default', socket, keys = [] } of ssh)
    if (socket !== undefined && keys.length > 0)
      throw invalidOption('ssh', `the agent ${id} has a socket and keys`, 'give one of them', id)
}

async function verifySecrets({ secret = [] }: BuildOptions): Promise<void> {
  verifyUnique(
    'secret',
    secret.map(({ id }) => id),
  )
  for (const { id, value, file, env } of secret) {
    if ([value, file, env].filter((source) => source !== undefined).length > 1)
      throw invalidOption('secret', `the secret ${id} has several sources`, 'give one of value, file and env', id)
    if (file !== undefined) await verifySecretFile(id, file)
    else if (value === undefined && process.env[env ?? id] === undefined)
      throw invalidOption('secret', `the secret ${id} has no value`, 'give value, file or env', id)
  }
}

function verifyAuth({ auth }: BuildOptions): void {
  if (auth === undefined || typeof auth === 'function' || (typeof auth === 'object' && auth !== null)) return
  throw invalidOption('auth', `invalid value for auth: ${typeof auth}`, 'give credentials by host, or a function')
}

function verifyUnique(option: string, ids: readonly string[]): void {
  for (const [at, id] of ids.entries()) {
    if (checkText(option, id) === '')
      throw invalidOption(option, 'the id is empty', 'give the id that RUN mounts it by')
    if (ids.indexOf(id) !== at) throw invalidOption(option, `duplicate id ${id}`, 'give each id once', id)
  }
}

async function verifySecretFile(id: string, file: string): Promise<void> {
  const found = await stat(checkText('secret', file)).catch(() => undefined)
  if (found === undefined)
    throw invalidOption('secret', `failed to stat ${file} of the secret ${id}`, 'give the path of a file', file)
  if (found.isDirectory())
    throw invalidOption('secret', `${file} of the secret ${id} is a directory`, 'give the path of a file', file)
}
