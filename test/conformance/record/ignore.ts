// Records facts/ignore.json: what `docker build` (DOCKER_HOST; the classic builder) copies of the context of support/ignore-cases.ts.
//   npx tsx test/conformance/record/ignore.ts
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listArchive, makeContext } from '../support/build-contexts.js'
import { type IgnoreCase, ignoreCases } from '../support/ignore-cases.js'

const directory = mkdtempSync('/tmp/ignore-facts-')
const env = { ...process.env, DOCKER_BUILDKIT: '0' }
const docker = (args: readonly string[]) => execFileSync('docker', args, { env, maxBuffer: 1 << 28 })

const facts: Record<string, unknown> = {}
try {
  for (const [at, one] of ignoreCases.entries()) facts[one.name] = record(one, join(directory, `${at}`))
} finally {
  rmSync(directory, { recursive: true })
}
const versions = ['Client', 'Server'].map((side) =>
  docker(['version', '--format', `{{.${side}.Version}}`])
    .toString()
    .trim(),
)
const file = fileURLToPath(new URL('../facts/ignore.json', import.meta.url))
writeFileSync(
  file,
  `${JSON.stringify({ from: `docker ${versions[0]}, daemon ${versions[1]}`, facts }, undefined, 2)}\n`,
)

function record(one: IgnoreCase, context: string) {
  const dockerfile = makeContext(context, one)
  const built = spawnSync('docker', ['build', '-q', '-f', join(context, dockerfile), context], {
    env,
    encoding: 'utf8',
  })
  if (built.status !== 0) return { error: lastLine(built.stderr) }
  const image = built.stdout.trim()
  try {
    return { files: listArchive(docker(['save', image])) }
  } finally {
    docker(['rmi', image])
  }
}

/** The note about the classic builder's end is not of interest. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
