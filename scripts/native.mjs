// What the scripts around the native parts share.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The static programs that are built with the addon and lie beside it. */
export const programs = ['inboard-supervisor', 'inboard-init']

/** Runs a program to its end, its output on ours. */
export function run(command, args, { cwd = root, env = process.env } = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd, env, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${signal ?? status})`)
}

/** Builds the addon into `directory`/build/Release. */
export function buildAddon(directory, { strict = false, sanitize = '' } = {}) {
  const env = { ...buildEnvironment(), GYP_DEFINES: `strict=${strict ? 1 : 0} sanitize=${sanitize}` }
  run(process.execPath, [nodeGyp(), 'configure', 'build', '--release', '--jobs=max'], { cwd: directory, env })
}

/** Builds the static programs into `directory`/build/Release. */
export function buildPrograms(directory) {
  run('make', ['-C', 'native', `-j${availableParallelism()}`], { cwd: directory })
}

/** node-gyp downloads the headers of Node unless it is told where they are; most installations have them beside node. */
export function buildEnvironment() {
  const prefix = dirname(dirname(process.execPath))
  const beside = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  return beside ? { npm_config_nodedir: prefix, ...process.env } : process.env
}

/** npm names its own copy to install scripts; a checkout has one as a development dependency. */
function nodeGyp() {
  if (process.env.npm_config_node_gyp) return process.env.npm_config_node_gyp
  const require = createRequire(import.meta.url)
  try {
    return require.resolve('node-gyp/bin/node-gyp.js')
  } catch {
    return join(dirname(dirname(process.execPath)), 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js')
  }
}

/** A copy of what the native parts are built from, for builds that must leave the checkout's own alone. */
export function stage(...extra) {
  const directory = mkdtempSync(join(tmpdir(), 'inboard-native-'))
  for (const name of ['package.json', 'binding.gyp', 'native', ...extra]) {
    cpSync(join(root, name), join(directory, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  return directory
}

/** Which of the tools that a build needs are not on the PATH. */
export function missingTools() {
  const has = (program) => (process.env.PATH ?? '').split(delimiter).some((entry) => existsSync(join(entry, program)))
  const wanted = { make: ['make'], 'g++': ['g++', 'c++'], python3: ['python3'] }
  return Object.keys(wanted).filter((name) => !wanted[name].some(has))
}
