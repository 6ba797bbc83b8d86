import type { Engine } from '../index.js'
import type { Given, Option } from './command.js'

/** Options of all commands that are about a root. */
export const rootOptions: Readonly<Record<string, Option>> = {
  root: { type: 'string', value: 'PATH', help: 'Images, containers and volumes: INBOARD_ROOT, else /var/lib/inboard' },
  'run-root': { type: 'string', value: 'PATH', help: 'What runs: INBOARD_RUN_ROOT, else /run/inboard' },
}

/** The same as the engine's options. */
export function rootsOf(given: Given): { readonly root?: string; readonly runRoot?: string } {
  const root = given.text('root')
  const runRoot = given.text('run-root')
  return { ...(root !== undefined && { root }), ...(runRoot !== undefined && { runRoot }) }
}

/** Opens the root; the package is loaded only now. */
export async function openEngine(given: Given): Promise<Engine> {
  const { Engine } = await import('../index.js')
  return Engine.open(rootsOf(given))
}

/** Has an engine as long as `use` takes. */
export async function withEngine<Result>(given: Given, use: (engine: Engine) => Promise<Result>): Promise<Result> {
  const engine = await openEngine(given)
  try {
    return await use(engine)
  } finally {
    await engine.close()
  }
}
