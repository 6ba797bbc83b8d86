export { type CheckResult, checkDockerfile } from './checks/check.js'
export type { Rule } from './checks/report.js'
export type { CheckOptions, KnownImage } from './checks/values.js'
export {
  type ExpandedExpose,
  type ExpandedInstruction,
  type ExpandedRun,
  type ExpandedStage,
  expandFrom,
  expandInstruction,
  type Names,
} from './expand.js'
export { ImageDraft } from './image-draft.js'
export type { Mount } from './mount.js'
export { type Fragment, parseDockerfile, parseInstructions } from './parse.js'
export { type BuildTarget, platformValues } from './platform-values.js'
export { GlobalScope, type GlobalValues, Scope, type ScopeOrigin } from './scope.js'
export { shellWords } from './shell-words.js'
export type * from './types.js'
