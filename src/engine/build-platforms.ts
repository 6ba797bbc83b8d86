import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { UnsupportedHostError } from '../errors/index.js'
import { readTextFile } from '../host/text-file.js'
import { formatPlatform, hostPlatform, parseImagePlatform } from '../image/index.js'
import { parsePlatform } from '../spec/platform.js'
import { handlerFor, isBinfmtMounted } from './binfmt.js'

/** The platform of this machine: `linux/amd64`. */
export function hostPlatformName(): string {
  return formatPlatform(hostPlatform())
}

/**
 * The one name of a platform, of all its spellings: `x86_64` is `linux/amd64`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function platformName(text: string): string {
  return formatPlatform(parseImagePlatform(parsePlatform(text)))
}

/**
 * Refuses to run programs of another platform when nothing here can: neither the processor nor a handler that the kernel
 * knows (binfmt_misc). To be asked only when a program is to be run: files are made for any platform.
 *
 * @param platform its one name
 * @param hasFile whether the filesystem that the program is run in has a file
 * @throws {UnsupportedHostError} with the commands that mend it
 * @see https://docs.kernel.org/admin-guide/binfmt-misc.html
 */
export async function verifyRunnable(platform: string, hasFile: (path: string) => boolean): Promise<void> {
  const host = hostPlatformName()
  if (platform === host || (await runsNatively(platform))) return
  const [, architecture = '', variant = ''] = platform.split('/')
  if (architecture === hostPlatform().architecture)
    throw cannotRun(platform, `this processor is no ${variant}`, 'build on another machine, or for an older variant')
  const handler = handlerFor(architecture)
  if (handler === undefined) throw cannotRun(platform, 'no handler for them is registered', installHint())
  if (handler.isFixed || hasFile(handler.interpreter)) return
  throw cannotRun(
    platform,
    `their handler ${handler.interpreter} is not in the image, and was registered without the flag F`,
    installHint(),
  )
}

const install = 'apt-get install qemu-user-static binfmt-support'

function installHint(): string {
  return isBinfmtMounted() ? install : `mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && ${install}`
}

function cannotRun(platform: string, why: string, hint: string): UnsupportedHostError {
  return new UnsupportedHostError(
    `programs for ${platform} cannot be run on this host, which is ${hostPlatformName()}: ${why}; ${hint}`,
    { code: 'UNSUPPORTED_HOST', details: { feature: `binfmt_misc: ${platform}`, platform, hint } },
  )
}

/** What the levels of x86-64 have beyond those before them, as /proc/cpuinfo names it. */
const levels: Readonly<Record<string, readonly string[]>> = {
  v2: ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
  v3: ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'],
  v4: ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
}

async function runsNatively(platform: string): Promise<boolean> {
  const [, architecture, variant = ''] = platform.split('/')
  const host = hostPlatform().architecture
  if (host === 'amd64' && architecture === 'amd64') return variant === '' || hasLevel(variant)
  // Only a kernel that runs programs of 32 bits has it.
  if (host === 'amd64' && architecture === '386') return existsSync('/proc/sys/abi/vsyscall32')
  if (host === 'arm64' && architecture === 'arm64') return variant === ''
  if (host === 'arm64' && architecture === 'arm') return runs32BitArm()
  return false
}

function hasLevel(variant: string): boolean {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readTextFile('/proc/cpuinfo') ?? '')?.[1]?.split(' '))
  const wanted = Object.entries(levels).filter(([level]) => level <= variant)
  return variant in levels && wanted.every(([, needed]) => needed.every((flag) => flags.has(flag)))
}

/** The kernel refuses the personality where the processor has no 32 bits. */
async function runs32BitArm(): Promise<boolean> {
  return promisify(execFile)('setarch', ['linux32', 'true']).then(
    () => true,
    () => false,
  )
}
