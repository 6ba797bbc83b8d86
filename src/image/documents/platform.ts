import { printable } from '../../errors/printable.js'
import { invalidArchive, shown } from './invalid.js'

const maxPartLength = 50

/** Go's names for an operating system, a processor and its variant. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant: string
}

const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
  mipsel: 'mipsle',
}

export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: goArchitectures[process.arch] ?? process.arch, variant: '' })
}

/** Other spellings of the same platform, as containerd reads them. */
export function normalizePlatform({ os, architecture, variant }: Platform): Platform {
  const name = architecture.toLowerCase()
  if (name === 'x86_64' || name === 'x86-64' || name === 'amd64') {
    return { os, architecture: 'amd64', variant: variant === 'v1' ? '' : variant }
  }
  if (name === 'aarch64' || name === 'arm64') {
    return { os, architecture: 'arm64', variant: variant === '8' || variant === 'v8' ? '' : variant }
  }
  if (name === 'i386' || name === 'i686') return { os, architecture: '386', variant }
  if (name === 'arm')
    return { os, architecture: 'arm', variant: variant === '' ? 'v7' : variant.replace(/^(?=\d)/, 'v') }
  return { os, architecture: name, variant }
}

/** `linux/arm64/v8` */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant = '', ...rest] = text.split('/')
  if (os === '' || rest.length > 0) throw invalidArchive(`${shown(text)} is not a platform such as linux/arm64/v8`)
  // A single word is an operating system or a processor; only Linux is possible here.
  if (architecture === '')
    return os === 'linux' ? hostPlatform() : normalizePlatform({ os: 'linux', architecture: os, variant })
  return normalizePlatform({ os, architecture, variant })
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  // Images and indexes say what they like.
  return [os, architecture, variant]
    .filter((part) => part !== '')
    .map((part) => printable(part, maxPartLength))
    .join('/')
}

/** As an index and an image's configuration have it: a variant only where there is one. */
export function platformObject({ os, architecture, variant }: Platform): object {
  return { architecture, os, ...(variant !== '' && { variant }) }
}

/**
 * How well an image for `offered` runs on `wanted`: 0 not at all, more is better. A processor runs what was made for
 * older variants of it.
 */
export function matchPlatform(wanted: Platform, offered: Platform): number {
  const { os, architecture, variant } = normalizePlatform(offered)
  if (os !== wanted.os) return 0
  if (architecture !== wanted.architecture) return matchPredecessor(wanted, architecture, variant)
  const want = variantNumber(wanted.variant)
  const offer = variantNumber(variant)
  if (want === offer) return 1000
  // An unnamed variant is the oldest; without a wish for a variant, a newer one may use what this host lacks.
  return offer < want ? 1 + offer : 0
}

/** Whether an image for a platform runs where the text says. */
export function matchesPlatform(wanted: string, offered: Platform): boolean {
  return matchPlatform(parsePlatform(wanted), offered) > 0
}

/** Below every match of the same processor: 64-bit ones run what is for their 32-bit predecessors. */
function matchPredecessor(wanted: Platform, architecture: string, variant: string): number {
  if (wanted.architecture === 'amd64' && architecture === '386') return 0.5
  if (wanted.architecture === 'arm64' && architecture === 'arm') return variantNumber(variant) / 100
  return 0
}

function variantNumber(variant: string): number {
  const number = Number.parseFloat(variant.replace(/^v/, ''))
  return Number.isNaN(number) ? 0 : number
}
