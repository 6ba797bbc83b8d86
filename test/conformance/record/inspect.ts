// Records facts/inspect.json: what a Docker daemon (DOCKER_HOST) tells of the containers of support/inspect-cases.ts.
//   npx tsx test/conformance/record/inspect.ts
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { fieldsOf, fullImage, type InspectCase, inspectCases } from '../support/inspect-cases.js'
import { oracleRootfs } from '../support/oracle-image.js'

const docker = (args: readonly string[], input?: Buffer) =>
  execFileSync('docker', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }).trim()

const attempt = (args: readonly string[]) => {
  try {
    docker(args)
  } catch {
    // What the daemon cannot start is a fact as well.
  }
}

const shared = mkdtempSync('/tmp/inspect-shared-')
const rootfs = await buffer(await oracleRootfs())
docker(['import', '-', 'inspect-plain'], rootfs)
docker(['import', ...fullImage.flatMap((change) => ['--change', change]), '-', 'inspect-full'], rootfs)
const places = { '<ROOT>': docker(['info', '--format', '{{.DockerRootDir}}']), '<SHARED>': shared }
const facts: Record<string, unknown> = {}
try {
  for (const one of inspectCases(shared)) facts[one.name] = record(one)
} finally {
  rmSync(shared, { recursive: true })
  docker(['rmi', 'inspect-plain', 'inspect-full'])
  attempt(['volume', 'rm', 'inspected'])
}
const from = `Docker ${docker(['version', '--format', '{{.Server.Version}}'])}; marks as in support/inspect-cases.ts`
const file = fileURLToPath(new URL('../facts/inspect.json', import.meta.url))
writeFileSync(file, `${JSON.stringify({ from, facts }, undefined, 2)}\n`)

function record({ name, image, state, command, docker: options }: InspectCase) {
  docker(['create', `--name=inspect-${name}`, ...options, `inspect-${image}`, ...command])
  try {
    if (state !== 'created') attempt(['start', `inspect-${name}`])
    if (state === 'exited') docker(['wait', `inspect-${name}`])
    if (state === 'paused') docker(['pause', `inspect-${name}`])
    const [document] = JSON.parse(docker(['inspect', `inspect-${name}`]))
    return fieldsOf(document, places)
  } finally {
    attempt(['unpause', `inspect-${name}`])
    docker(['rm', '-f', '-v', `inspect-${name}`])
  }
}
