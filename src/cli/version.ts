import { readFileSync } from 'node:fs'
import type { Command } from './command.js'
import { asksForJson, jsonOptions, printJson } from './json.js'

/** `inboard version`: of what is installed, whether it works here or not. */
export const version: Command & { banner(): string } = {
  words: ['version'],
  summary: 'Tell which version is installed',
  options: jsonOptions,
  banner: () => `inboard version ${packageVersion()}\n`,
  async run(given) {
    if (!asksForJson(given)) process.stdout.write(version.banner())
    else printJson({ Version: packageVersion(), NodeVersion: process.versions.node, Arch: process.arch })
    return 0
  },
}

/** This file is part of dist/cli.js. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
