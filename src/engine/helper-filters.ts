import { relayProfile, resolverProfile } from '../network/helper-profiles.js'
import { compileSeccomp, type HostFacts, resolveProfile } from '../spec/index.js'

const profiles = { relay: relayProfile, resolver: resolverProfile }
const compiled = new Map<keyof typeof profiles, Uint8Array>()

/** The seccomp filter of a process that serves a container's network beside it. */
export function helperFilter(kind: keyof typeof profiles, { arch, kernel }: HostFacts): Uint8Array {
  let filter = compiled.get(kind)
  if (!filter) {
    filter = compileSeccomp(resolveProfile(profiles[kind], { arch, kernel, caps: [] }), arch)
    compiled.set(kind, filter)
  }
  return filter
}
