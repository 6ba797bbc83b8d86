import { invalidOption } from './invalid.js'

const architectures: Readonly<Record<string, string>> = {
  amd64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  arm64: 'arm64',
  aarch64: 'arm64',
  arm: 'arm',
  armhf: 'arm',
  armel: 'arm',
  '386': '386',
  i386: '386',
  i686: '386',
  ppc64le: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
  mips64le: 'mips64le',
}

/**
 * `--platform`: `os/architecture[/variant]`, `os` or an architecture alone, with the common names of architectures made OCI's.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 * @example parsePlatform('linux/x86_64') // 'linux/amd64'
 */
export function parsePlatform(text: string): string {
  const parts = text.toLowerCase().split('/')
  const [os, architecture, variant] = architectures[parts[0] ?? ''] ? ['linux', ...parts] : parts
  const known = architecture === undefined ? undefined : architectures[architecture]
  const valid =
    parts.length <= 3 && (architecture === undefined || known !== undefined) && /^(?:v\d+)?$/.test(variant ?? '')
  if (os !== 'linux' || !valid)
    throw invalidOption(
      'platform',
      `"${text}": unknown operating system or architecture: invalid argument`,
      "use 'linux/amd64' or 'linux/arm64'",
      text,
    )
  return [os, known, variant].filter((part) => part !== undefined && part !== '').join('/')
}
