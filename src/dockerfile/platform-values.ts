/** What a build is for. */
export interface BuildTarget {
  /** `linux/arm64/v8`: what is built. */
  readonly target: string
  /** What it is built on. */
  readonly build: string
  /** The stage that is wanted; `default` when none was named. */
  readonly stage?: string
}

/** The predefined ARGs of the platforms, by name: `TARGETPLATFORM`, `TARGETOS`, ... */
export function platformValues({ target, build, stage = 'default' }: BuildTarget): Record<string, string> {
  return { ...valuesOf('BUILD', build), ...valuesOf('TARGET', target), TARGETSTAGE: stage }
}

function valuesOf(prefix: string, platform: string): Record<string, string> {
  const [os = '', architecture = '', variant = ''] = platform.split('/')
  return {
    [`${prefix}PLATFORM`]: platform,
    [`${prefix}OS`]: os,
    [`${prefix}OSVERSION`]: '',
    [`${prefix}ARCH`]: architecture,
    [`${prefix}VARIANT`]: variant,
  }
}
