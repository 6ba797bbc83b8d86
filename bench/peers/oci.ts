import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compileProgram, ensureProgram, execute } from '../workspace.js'
import { Coprocess } from './coprocess.js'
import type { OpenPeer } from './peer.js'

/** `crun run` or `runc run` of a ready bundle, as its own `spec` command writes it. */
export const openRuntime =
  (runtime: 'crun' | 'runc'): OpenPeer =>
  async (workspace) => {
    if (!(await ensureProgram(runtime, runtime))) return { skipped: `${runtime} is not installed` }
    const bundle = join(workspace.directory, runtime)
    await mkdir(bundle)
    await execute(runtime, ['spec'], { cwd: bundle })
    const config = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'))
    config.process.terminal = false
    config.process.args = ['true']
    config.root.path = workspace.rootfs
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
    const command = [runtime, '--root', join(bundle, 'state'), 'run', '--bundle', bundle, `inboard-bench-${runtime}`]
    const process = new Coprocess([await compileProgram('timed'), ...command])
    workspace.defer(() => process[Symbol.asyncDispose]())
    return { name: `${runtime} run (ready bundle)`, run: () => process.run() }
  }
