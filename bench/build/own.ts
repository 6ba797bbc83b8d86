import type { Workspace } from '../workspace.js'
import type { Builder } from './builder.js'

/** In this process, and in one that is started for each build. */
export async function ownBuilders(_workspace: Workspace): Promise<{ own: Builder; fresh: Builder }> {
  const none = { build: async () => ({ firstStepMs: Number.NaN, ms: Number.NaN }), prune: async () => {} }
  return { own: { name: 'inboard', ...none }, fresh: { name: 'fresh', ...none } }
}
