export { compileSeccomp } from './compile.js'
export { defaultProfile } from './default-profile.js'
export { parseProfile, type SeccompCondition, type SeccompProfile, type SeccompProfileRule } from './profile.js'
export { type Architecture, resolveProfile, type SeccompContext } from './resolve.js'
