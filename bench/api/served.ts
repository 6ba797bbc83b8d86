import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Engine } from 'inboard'
import { makeRunRoot } from '../inboard.js'
import { dockerDaemon } from '../peers/docker-daemon.js'
import { compileProgram, type Workspace } from '../workspace.js'
import { type Api, openApi } from './api.js'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** `inboard serve` as a process of its own, with a root of its own; it and all that it has are gone with the workspace. */
export async function serveInboard(workspace: Workspace): Promise<Api> {
  const roots = { root: join(workspace.directory, 'served'), runRoot: await makeRunRoot(workspace) }
  workspace.defer(() => removeAll(roots))
  const socket = join(workspace.directory, 'inboard.sock')
  const args = ['serve', '--root', roots.root, '--run-root', roots.runRoot, '--socket', socket]
  const server = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  workspace.defer(async () => {
    server.kill('SIGTERM')
    await ended
  })
  const serving = once(createInterface({ input: server.stdout }), 'line')
  await Promise.race([serving, ended.then(() => Promise.reject(new Error('inboard serve ended')))])
  return openApi(workspace, 'inboard', socket, await compileProgram('timed'))
}

/** The floor of what the client does with an answer: a server that has it in memory. Gone with the workspace. */
export async function serveReplay(workspace: Workspace, name: string, answer: string): Promise<Api> {
  const [socket, file] = ['sock', 'json'].map((suffix) => join(workspace.directory, `replay-${name}.${suffix}`)) as [
    string,
    string,
  ]
  await writeFile(file, answer)
  const server = spawn(await compileProgram('replay'), [socket, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  workspace.defer(async () => void server.kill('SIGKILL'))
  await once(server.stdout, 'data')
  return openApi(workspace, 'floor', socket, await compileProgram('timed'))
}

/** Containers go on when their server has ended. */
async function removeAll(roots: { readonly root: string; readonly runRoot: string }): Promise<void> {
  const engine = await Engine.open(roots)
  const containers = await engine.containers.list({ all: true })
  await Promise.all(containers.map(async ({ id }) => (await engine.containers.get(id)).remove({ force: true })))
  await engine.close()
}

/** A Docker daemon with its bridge; undefined where there is none to start. */
export async function serveDocker(workspace: Workspace): Promise<Api | undefined> {
  const daemon = await dockerDaemon(workspace, 'bridge')
  return daemon && openApi(workspace, 'docker', daemon.socket, await compileProgram('timed'))
}
